window.YTD.tweets.part0 = [
  {
    "tweet" : {
      "id_str" : "3",
      "created_at" : "Thu Mar 14 07:00:00 +0000 2024",
      "full_text" : "Werkbezoek — { \"tweet\" : { staat hier",
      "entities" : {
        "hashtags" : [],
        "urls" : []
      }
    }
  },
  {
    "tweet" : {
      "id_str" : "2",
      "created_at" : "Tue Mar 12 08:01:00 +0000 2024",
      "full_text" : "Goedemorgen\nallemaal",
      "entities" : {
        "hashtags" : [],
        "urls" : []
      }
    }
  },
  {
    "tweet" : {
      "id_str" : "1",
      "created_at" : "Mon Mar 11 21:58:00 +0000 2024",
      "full_text" : "Eerste bericht",
      "entities" : {
        "hashtags" : [],
        "urls" : []
      }
    }
  }
]