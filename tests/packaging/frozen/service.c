/* SPDX-License-Identifier: EUPL-1.2
 * A service of Windows that stands for the agent: it runs until it is told to stop. */
#include <windows.h>

static SERVICE_STATUS_HANDLE handle;
static SERVICE_STATUS status = { SERVICE_WIN32_OWN_PROCESS, SERVICE_RUNNING, SERVICE_ACCEPT_STOP,
                                 0, 0, 0, 0 };
static HANDLE stopped;
static WCHAR name[] = L"LakzegelAgent";

static DWORD WINAPI control(DWORD order, DWORD kind, LPVOID data, LPVOID context)
{
    (void)kind, (void)data, (void)context;
    if (order == SERVICE_CONTROL_STOP)
        SetEvent(stopped);
    return NO_ERROR;
}

static VOID WINAPI work(DWORD count, LPWSTR *arguments)
{
    (void)count, (void)arguments;
    stopped = CreateEventW(NULL, TRUE, FALSE, NULL);
    handle = RegisterServiceCtrlHandlerExW(name, control, NULL);
    SetServiceStatus(handle, &status);
    WaitForSingleObject(stopped, INFINITE);
    status.dwCurrentState = SERVICE_STOPPED;
    SetServiceStatus(handle, &status);
}

int wmain(void)
{
    SERVICE_TABLE_ENTRYW table[] = { { name, work }, { NULL, NULL } };
    return StartServiceCtrlDispatcherW(table) ? 0 : 4;
}
