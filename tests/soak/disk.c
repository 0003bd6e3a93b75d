// SPDX-License-Identifier: EUPL-1.2
// A disk that fails and a clock that is told, for a program that knows of neither.
//
// Loaded before the C library (LD_PRELOAD), so that it reaches SQLite's own writes too. It counts
// every call that changes or syncs something below one folder, over all processes; from a number on
// that it was told calls fail, and at another one everything ends: killed, torn, or without power.
// Driven by tests/soak/disk.py through one mapped file, also while the program runs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, EIO_, ENOSPC_, KILL, TORN, POWER, SHORT }; // as in disk.py

struct control { // as CONTROL in disk.py
    _Atomic int64_t count; // calls so far
    _Atomic int64_t syncs; // of them, those that sync
    int64_t at, span, how; // from this call on, so many, fail so
    int64_t only_syncs;    // at and span count these alone
    int64_t odds;          // of those, one in so many by chance
    int64_t end, last;     // at this call everything ends, so
    int64_t then;          // so many calls after the first that failed, likewise
    _Atomic int64_t met;   // calls that failed
    int64_t wall, boot;    // nanoseconds added to the wall clock and to CLOCK_BOOTTIME
    _Atomic int64_t kept;  // files that were linked aside
};

struct record { // as RECORD in disk.py; followed by path, path2, data
    int64_t type, inode, offset, size, path, path2, data;
};

static struct control *control;
static char folder[PATH_MAX], home[PATH_MAX];
static int journal = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// Looks at what the environment says: when it is loaded, and when a fork is given another one.
__attribute__((constructor)) void disk_begins(void) {
    const char *at = getenv("LAKZEGEL_DISK"), *below = getenv("LAKZEGEL_DISK_HOME");
    control = NULL;
    if (!at || !below) return;
    snprintf(folder, sizeof folder, "%s", at);
    snprintf(home, sizeof home, "%s/", below);
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/control", folder);
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) control = map;
    snprintf(path, sizeof path, "%s/journal", folder);
    journal = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int below(const char *path) {
    size_t n = strlen(home) - 1; // the folder itself too
    return control && !strncmp(path, home, n) && (path[n] == '/' || !path[n]);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = control ? readlink(link, path, PATH_MAX - 1) : -1;
    if (n < 0) return 0;
    path[n] = 0;
    return below(path) && !strstr(path, "-shm"); // the shared memory of SQLite is not the disk's
}

static void end_all(void) {
    kill(0, SIGKILL); // the whole group: no process outlives the moment
    for (;;) pause();
}

// A number that looks like chance, and is the same for the same call.
static uint64_t chance(uint64_t n) {
    n = (n + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    return n ^ (n >> 31);
}

// Counts a call; what is to become of it.
static int64_t fate(int is_sync) {
    int64_t n = atomic_fetch_add(&control->count, 1) + 1;
    if (n == control->end && control->last != TORN) end_all();
    if (n == control->end) return TORN;
    if (is_sync) is_sync = atomic_fetch_add(&control->syncs, 1) + 1;
    int64_t at = control->only_syncs ? is_sync : n;
    if (!at || at < control->at || at - control->at >= control->span) return NOTHING;
    if (control->odds > 1 && chance(at) % control->odds) return NOTHING;
    if (control->how == NOTHING) return NOTHING;
    if (!atomic_fetch_add(&control->met, 1) && control->then) control->end = n + control->then;
    return control->how;
}

static int fails(int64_t how) { return how == EIO_ || how == ENOSPC_ || how == SHORT; }

static int failed(int64_t how) {
    errno = how == EIO_ ? EIO : ENOSPC;
    return -1;
}

// Only the power's going needs to know what was not synced yet.
static void note(char type, int64_t inode, int64_t offset, int64_t size, const char *path,
                 const char *path2, const void *data, size_t length) {
    struct record r = {type, inode, offset, size, strlen(path), strlen(path2), (int64_t)length};
    struct iovec parts[] = {{&r, sizeof r}, {(void *)path, strlen(path)},
                            {(void *)path2, strlen(path2)}, {(void *)data, length}};
    if (journal >= 0) (void)!writev(journal, parts, 4);
}

static void note_bytes(char type, int fd, const char *path, int64_t offset, int64_t length) {
    struct stat st;
    if (control->last != POWER || fstat(fd, &st)) return;
    int64_t old = st.st_size > offset ? st.st_size - offset : 0;
    if (length >= 0 && old > length) old = length;
    char *data = malloc(old ? old : 1), self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int in = old ? REAL(open)(self, O_RDONLY | O_CLOEXEC) : -1;
    if (in >= 0) { old = pread(in, data, old, offset); close(in); }
    note(type, st.st_ino, offset, st.st_size, path, "", data, old > 0 ? old : 0);
    free(data);
}

// Keeps what a name is about to lose; the number that it is kept under, or 0.
static int64_t keep(const char *path) {
    char aside[PATH_MAX + 32];
    int64_t n = atomic_fetch_add(&control->kept, 1) + 1;
    snprintf(aside, sizeof aside, "%s/kept-%lld", folder, (long long)n);
    return link(path, aside) ? 0 : n;
}

static ssize_t torn(int64_t how, ssize_t done) {
    if (how == TORN) end_all();
    return how == SHORT ? failed(how) : done;
}

static int halves(int64_t how) { return how == TORN || how == SHORT; }

ssize_t write(int fd, const void *data, size_t n) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(write)(fd, data, n);
    int64_t how = fate(0);
    if (how == EIO_ || how == ENOSPC_) return failed(how);
    note_bytes('W', fd, path, lseek(fd, 0, SEEK_CUR), n);
    return torn(how, REAL(write)(fd, data, halves(how) ? n / 2 : n));
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(pwrite64)(fd, data, n, at);
    int64_t how = fate(0);
    if (how == EIO_ || how == ENOSPC_) return failed(how);
    note_bytes('W', fd, path, at, n);
    return torn(how, REAL(pwrite64)(fd, data, halves(how) ? n / 2 : n, at));
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return pwrite64(fd, data, n, at); }

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(ftruncate64)(fd, size);
    int64_t how = fate(0);
    if (fails(how)) return failed(how);
    note_bytes('W', fd, path, size, -1);
    return (int)torn(how, REAL(ftruncate64)(fd, size));
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    struct stat st;
    if (!path_of(fd, path)) return real(fd);
    int64_t how = fate(1);
    if (fails(how)) return failed(how);
    if (how == TORN) end_all();
    int done = real(fd);
    if (!done && control->last == POWER && !fstat(fd, &st))
        note(S_ISDIR(st.st_mode) ? 'D' : 'S', st.st_ino, 0, 0, path, "", "", 0);
    return done;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int rename(const char *from, const char *to) {
    if (!control || !below(from)) return REAL(rename)(from, to);
    int64_t how = fate(0);
    if (fails(how)) return failed(how);
    int64_t kept = control->last == POWER ? keep(to) : 0;
    int done = REAL(rename)(from, to);
    if (!done && control->last == POWER) note('R', 0, kept, 0, from, to, "", 0);
    return (int)torn(how, done);
}

int unlink(const char *path) {
    if (!control || !below(path) || strstr(path, "-shm")) return REAL(unlink)(path);
    int64_t how = fate(0);
    if (fails(how)) return failed(how);
    int64_t kept = control->last == POWER ? keep(path) : 0;
    int done = REAL(unlink)(path);
    if (!done && control->last == POWER) note('U', 0, kept, 0, path, "", "", 0);
    return (int)torn(how, done);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (!control || !(flags & O_CREAT) || !below(path) || strstr(path, "-shm")
        || !access(path, F_OK))
        return REAL(open64)(path, flags, mode);
    int64_t how = fate(0);
    if (fails(how)) return failed(how);
    int fd = REAL(open64)(path, flags, mode);
    if (fd >= 0 && control->last == POWER) note('C', 0, 0, 0, path, "", "", 0);
    return (int)torn(how, fd);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open64(path, flags, mode);
}

// the clock

static void shift(struct timespec *t, int64_t by) {
    int64_t n = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + by;
    t->tv_sec = n / 1000000000;
    t->tv_nsec = n % 1000000000;
}

int clock_gettime(clockid_t which, struct timespec *t) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int done = real(which, t);
    if (!done && control && which == CLOCK_REALTIME) shift(t, control->wall);
    if (!done && control && which == CLOCK_BOOTTIME) shift(t, control->boot);
    return done;
}

time_t time(time_t *out) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out) *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    (void)zone;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;
    return 0;
}
