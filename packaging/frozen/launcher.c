/* SPDX-License-Identifier: EUPL-1.2
 *
 * lakzegel-agent: the program that a device's system knows by name and signature; with -DWORKER
 * lakzegel-worker, which it starts.
 *
 * It starts the Python that lies beside it, with Lakzegel's agent and nothing else: no script, no
 * -c, no -m, no PYTHON* variable, no user site, no .pth file. What has a right of the device (Full
 * Disk Access, for one) is therefore this program and not an interpreter.
 * docs/spec/frozen.md, docs/adr/0034. Linux: run by tests. macOS, Windows: compiled, not run on a
 * real device.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#include <shlobj.h>
typedef wchar_t text;
#define T(literal) L##literal
#define FORMAT L"%ls%ls"
#define SEPARATOR L'\\'
#define LIBRARY L"python" PYTHON_DIGITS L".dll"
#define RUNTIME L"runtime"
#define PARTS { L"Lib", L"DLLs", L"site-packages" }
#define join(into, room, left, right) _snwprintf(into, room, FORMAT, left, right)
#define last(path) wcsrchr(path, SEPARATOR)
#else
#include <dlfcn.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
typedef char text;
#define T(literal) literal
#define FORMAT "%s%s"
#define SEPARATOR '/'
#define PARTS { "lib", "lib-dynload", "site-packages" }
#define join(into, room, left, right) snprintf(into, room, FORMAT, left, right)
#define last(path) strrchr(path, SEPARATOR)
#ifdef __APPLE__
#include <mach-o/dyld.h>
#define LIBRARY "../Frameworks/libpython" PYTHON_DOTTED ".dylib"
#define RUNTIME "../Resources/runtime"
#else
#define LIBRARY "../lib/libpython" PYTHON_DOTTED ".so"
#define RUNTIME "../lib/runtime"
#endif
#endif

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define PYTHON_DOTTED STRING(PY_MAJOR_VERSION) "." STRING(PY_MINOR_VERSION)
#ifdef _WIN32
#define WIDE_(x) L##x
#define WIDE(x) WIDE_(x)
#define PYTHON_DIGITS WIDE(STRING(PY_MAJOR_VERSION)) WIDE(STRING(PY_MINOR_VERSION))
#endif

#define ROOM 4096      /* characters of a path, with its end */
#define CANNOT_START 4 /* exit code: internal error */
#ifdef WORKER          /* lakzegel-worker, which does what the agent hands it */
#define PROGRAM "lakzegel-worker"
#define MODULE L"lakzegel_agent.frozenworker"
#else
#define PROGRAM "lakzegel-agent"
#define MODULE L"lakzegel_agent.frozenmain"
#endif

/* What is asked of the Python library. It is opened by its path and not linked, so that neither a
 * search path nor a name inside that file decides which one it is. */
#define ASKED(use)                                                                                 \
    use(Py_GetVersion) use(PyPreConfig_InitIsolatedConfig) use(Py_PreInitialize)                   \
    use(PyConfig_InitIsolatedConfig) use(PyConfig_Clear) use(PyConfig_SetString)                   \
    use(PyConfig_SetArgv) use(PyConfig_SetBytesArgv) use(PyWideStringList_Append)                  \
    use(Py_DecodeLocale) use(PyMem_RawFree) use(Py_InitializeFromConfig) use(Py_RunMain)           \
    use(PyStatus_Exception)
#define FIELD(name) __typeof__(&name) name##_;
static struct { ASKED(FIELD) } py;

static int failed(const char *what)
{
    fprintf(stderr, PROGRAM ": cannot start: %s; install the package again\n", what);
    return CANNOT_START;
}

/* Variables by which a library below Python would load or tell what its caller likes. */
static void forget_variables(void)
{
    static const char *const names[] = { "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
                                         "SSLKEYLOGFILE" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
#ifdef _WIN32
        char line[64];
        snprintf(line, sizeof line, "%s=", names[i]);
        _putenv(line);
        SetEnvironmentVariableA(names[i], NULL);
#else
        unsetenv(names[i]);
#endif
    }
}

/* The absolute path of this program, links followed. */
static int own_path(text *path)
{
#if defined(_WIN32)
    DWORD length = GetModuleFileNameW(NULL, path, ROOM);
    return length > 0 && length < ROOM;
#elif defined(__APPLE__)
    char named[ROOM];
    uint32_t room = sizeof named;
    char found[PATH_MAX];
    if (_NSGetExecutablePath(named, &room) != 0 || realpath(named, found) == NULL)
        return 0;
    return snprintf(path, ROOM, "%s", found) < ROOM;
#else
    ssize_t length = readlink("/proc/self/exe", path, ROOM - 1);
    if (length <= 0 || length >= ROOM - 1)
        return 0;
    path[length] = '\0';
    return 1;
#endif
}

/* The path of something whose place is told from this program's folder. */
static int beside(const text *own, const text *name, text *path)
{
    text folder[ROOM];
    int length = join(folder, ROOM, own, T(""));
    text *end = last(folder);
    if (length < 0 || length >= ROOM || end == NULL)
        return 0;
    end[1] = T('\0');
    length = join(path, ROOM, folder, name);
    return length > 0 && length < ROOM;
}

#ifdef _WIN32
/* Whether this program lies below Program Files, where only an administrator puts something. */
static int is_guarded(const text *path)
{
    text folder[ROOM];
    if (SHGetFolderPathW(NULL, CSIDL_PROGRAM_FILES, NULL, SHGFP_TYPE_CURRENT, folder) != S_OK)
        return 0;
    size_t length = wcslen(folder);
    return _wcsnicmp(path, folder, length) == 0 && path[length] == SEPARATOR;
}
#else
/* Whether nobody but root could have put something else there: the thing and every folder above it
 * are root's, and none is one that others write (but for a sticky one, as /tmp is). That holds for
 * this program too: a copy of it, with its signature and so its right, is made in a moment, and
 * beside that copy its maker would lay modules of his own. */
static int is_guarded(const char *path)
{
    char at[PATH_MAX];
    struct stat found;
    if (realpath(path, at) == NULL)
        return 0;
    for (;;) {
        if (stat(at, &found) != 0 || found.st_uid != 0)
            return 0;
        if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (found.st_mode & S_ISVTX) == 0)
            return 0;
        char *end = last(at);
        if (end == at && end[1] == '\0')
            return 1;
        end[end == at] = '\0';
    }
}
#endif

static const char *open_library(const text *own)
{
    text path[ROOM];
    if (!beside(own, LIBRARY, path))
        return "its folder has too long a name";
#ifdef _WIN32
    HMODULE library = LoadLibraryExW(
        path, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
#define FIND(name) py.name##_ = (__typeof__(&name))(void *)GetProcAddress(library, #name);
#else
    if (!is_guarded(path))
        return "the Python library is missing, or others can write it";
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
#define FIND(name) py.name##_ = (__typeof__(&name))dlsym(library, #name);
#endif
    if (library == NULL)
        return "the Python library does not load";
    ASKED(FIND)
#define LACKS(name) || py.name##_ == NULL
    if (0 ASKED(LACKS))
        return "the Python library lacks a function";
    if (strncmp(py.Py_GetVersion_(), PYTHON_DOTTED ".", sizeof PYTHON_DOTTED) != 0)
        return "the Python library is of another version than this program";
    return NULL;
}

static wchar_t *wide(const text *path)
{
#ifdef _WIN32
    return _wcsdup(path);
#else
    return py.Py_DecodeLocale_(path, NULL);
#endif
}

/* Whether a field of the configuration is a path now. */
static int set_path(PyConfig *config, wchar_t **field, const text *path)
{
    wchar_t *decoded = wide(path);
    if (decoded == NULL)
        return 0; /* left out, Python would look for one itself */
    PyStatus status = py.PyConfig_SetString_(config, field, decoded);
#ifdef _WIN32
    free(decoded);
#else
    py.PyMem_RawFree_(decoded);
#endif
    return !py.PyStatus_Exception_(status);
}

/* Where modules are, and nowhere else: three folders of the runtime. */
static const char *set_folders(PyConfig *config, const text *own)
{
    static const text *const parts[] = PARTS;
    text runtime[ROOM], within[ROOM], path[ROOM];
    if (!beside(own, RUNTIME, runtime))
        return "its folder has too long a name";
#ifndef _WIN32
    if (!is_guarded(runtime))
        return "the runtime is missing, or others can write it";
#endif
    const text separator[] = { SEPARATOR, T('\0') };
    if (join(within, ROOM, runtime, separator) >= ROOM)
        return "its folder has too long a name";
    wchar_t **homes[] = { &config->home,        &config->prefix,           &config->exec_prefix,
                          &config->base_prefix, &config->base_exec_prefix, NULL };
    for (wchar_t ***home = homes; *home != NULL; home++)
        if (!set_path(config, *home, runtime))
            return "no memory";
    config->module_search_paths_set = 1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (join(path, ROOM, within, parts[i]) >= ROOM)
            return "its folder has too long a name";
        wchar_t *part = wide(path);
        if (part == NULL || py.PyStatus_Exception_(
                                py.PyWideStringList_Append_(&config->module_search_paths, part)))
            return "no memory"; /* what was decoded goes with the process */
    }
    return NULL;
}

static const char *configure(PyConfig *config, const text *own, int count, text **arguments)
{
    py.PyConfig_InitIsolatedConfig_(config); /* no environment, no user site, no current folder */
    config->site_import = 0;                 /* no .pth file, no sitecustomize */
    config->write_bytecode = 0;              /* a signed bundle stays what was signed */
    config->parse_argv = 0;                  /* every argument is the agent's */
    config->install_signal_handlers = 1;     /* Ctrl-C, and no SIGPIPE */
    config->configure_c_stdio = 1;
    config->pathconfig_warnings = 0;
    config->inspect = config->interactive = 0;
#ifdef _WIN32
    PyStatus given = py.PyConfig_SetArgv_(config, count, arguments);
#else
    PyStatus given = py.PyConfig_SetBytesArgv_(config, count, arguments);
#endif
    if (py.PyStatus_Exception_(given) ||
        py.PyStatus_Exception_(py.PyConfig_SetString_(config, &config->run_module, MODULE)) ||
        !set_path(config, &config->executable, own) ||
        !set_path(config, &config->base_executable, own) ||
        !set_path(config, &config->program_name, own))
        return "its arguments cannot be taken";
    return set_folders(config, own);
}

static int start(int count, text **arguments)
{
    text own[ROOM];
    forget_variables();
    if (!own_path(own))
        return failed("its own path is not known");
    if (!is_guarded(own))
        return failed("it lies where others than an administrator can put something");
    const char *fault = open_library(own);
    if (fault != NULL)
        return failed(fault);
    PyPreConfig before;
    py.PyPreConfig_InitIsolatedConfig_(&before);
    before.utf8_mode = 1; /* names and texts are UTF-8 whatever the locale of a service says */
    if (py.PyStatus_Exception_(py.Py_PreInitialize_(&before)))
        return failed("Python does not initialise");
    PyConfig config;
    fault = configure(&config, own, count, arguments);
    if (fault != NULL)
        return failed(fault);
    PyStatus status = py.Py_InitializeFromConfig_(&config);
    py.PyConfig_Clear_(&config);
    if (py.PyStatus_Exception_(status))
        return failed(status.err_msg == NULL ? "Python does not initialise" : status.err_msg);
    return py.Py_RunMain_();
}

#ifdef _WIN32
int wmain(int count, wchar_t **arguments)
{
    SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32 | LOAD_LIBRARY_SEARCH_APPLICATION_DIR |
                             LOAD_LIBRARY_SEARCH_USER_DIRS);
    return start(count, arguments);
}
#else
int main(int count, char **arguments)
{
    return start(count, arguments);
}
#endif
