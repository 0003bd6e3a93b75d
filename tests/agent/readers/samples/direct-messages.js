window.YTD.direct_messages.part0 = [
  {
    "dmConversation" : {
      "conversationId" : "1-2",
      "messages" : [
        {
          "messageCreate" : {
            "recipientId" : "1",
            "reactions" : [],
            "urls" : [],
            "text" : "Tot zo",
            "mediaUrls" : [],
            "senderId" : "2",
            "id" : "14",
            "createdAt" : "2024-03-14T07:00:00.000Z"
          }
        },
        {
          "messageCreate" : {
            "recipientId" : "1",
            "reactions" : [],
            "urls" : [],
            "text" : "\"createdAt\" : \"2020-01-01T00:00",
            "mediaUrls" : [],
            "senderId" : "2",
            "id" : "13",
            "createdAt" : "2024-03-12T08:03:00.000Z"
          }
        },
        {
          "messageCreate" : {
            "recipientId" : "1",
            "reactions" : [
              {
                "senderId" : "2",
                "reactionKey" : "like",
                "eventId" : "9",
                "createdAt" : "2024-03-20T09:00:00.000Z"
              }
            ],
            "urls" : [],
            "text" : "Ja",
            "mediaUrls" : [],
            "senderId" : "2",
            "id" : "12",
            "createdAt" : "2024-03-12T08:01:00.000Z"
          }
        },
        {
          "messageCreate" : {
            "recipientId" : "1",
            "reactions" : [],
            "urls" : [],
            "text" : "Heb je even?",
            "mediaUrls" : [],
            "senderId" : "2",
            "id" : "11",
            "createdAt" : "2024-03-11T21:58:01.000Z"
          }
        }
      ]
    }
  },
  {
    "dmConversation" : {
      "conversationId" : "1-3",
      "messages" : [
        {
          "joinConversation" : {
            "initiatingUserId" : "3",
            "participantsSnapshot" : [
              "1",
              "3"
            ],
            "createdAt" : "2024-03-12T09:00:00.000Z"
          }
        },
        {
          "messageCreate" : {
            "recipientId" : "1",
            "reactions" : [],
            "urls" : [],
            "text" : "Welkom",
            "mediaUrls" : [],
            "senderId" : "2",
            "id" : "21",
            "createdAt" : "2024-03-12T08:59:00.000Z"
          }
        }
      ]
    }
  }
]