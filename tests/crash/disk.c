/*
 * A disk that can be told to fail, for one levy process (LD_PRELOAD). The tests compile it, see
 * shim.rs. It counts what the process does to files below one directory, one thing at a time, and
 * at the k-th of them fails it, kills the process, or only writes everything down.
 *
 *   DISK_DIR     the directory, a real path; SQLite's -shm in it is memory, not disk, and left out
 *   DISK_OPS     which are counted: w what changes the disk (open for writing, write, truncate,
 *                sync, rename, unlink, mkdir), r reads, l locks
 *   DISK_AT      k, from 1; 0 for none
 *   DISK_DO      fail         the k-th is not done, DISK_ERRNO says why
 *                half         a write is done by half, then fails with DISK_ERRNO
 *                short        a write is done by half, and says so
 *                kill-before, kill-half, kill-after    SIGKILL there
 *   DISK_ON      1: from the k-th on, not only once
 *   DISK_LOG     a line for each counted operation; "!" before those that were struck
 *   DISK_RECORD  everything that changes the disk, with its bytes, and each request that is sent,
 *                in one order; power/record.rs reads it
 *   DISK_HURRY   1: pauses of usleep and nanosleep (SQLite's, while it waits for a lock) are none
 *
 * What it does not see: mmap of the ledger (levy uses none), io_uring, system calls made without
 * the C library. levy makes none of these for the files that count; the tests check that each of
 * the operations that they know of turns up.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum what { PASS, FAIL, HALF, SHORT, KILL_BEFORE, KILL_HALF, KILL_AFTER };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char dir[PATH_MAX];
static size_t dir_len;
static const char *ops = "";
static long at, count;
static enum what deed = PASS;
static int error_no = EIO, on, hurry;
static int log_fd = -1, record_fd = -1;

static void die(const char *why)
{
    dprintf(2, "disk.c: %s: %s\n", why, strerror(errno));
    _exit(99);
}

__attribute__((constructor)) static void begin(void)
{
    static const struct { const char *name; enum what deed; } deeds[] = {
        {"fail", FAIL}, {"half", HALF}, {"short", SHORT}, {"kill-before", KILL_BEFORE},
        {"kill-half", KILL_HALF}, {"kill-after", KILL_AFTER},
    };
    const char *text = getenv("DISK_DIR");
    if (!text)
        return;
    if (snprintf(dir, sizeof dir, "%s", text) >= (int)sizeof dir)
        die("DISK_DIR is too long");
    dir_len = strlen(dir);
    if ((text = getenv("DISK_OPS")))
        ops = text;
    if ((text = getenv("DISK_AT")))
        at = atol(text);
    if ((text = getenv("DISK_ERRNO")))
        error_no = atoi(text);
    on = getenv("DISK_ON") != NULL;
    hurry = getenv("DISK_HURRY") != NULL;
    if ((text = getenv("DISK_DO"))) {
        for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
            if (!strcmp(text, deeds[i].name))
                deed = deeds[i].deed;
        if (deed == PASS)
            die("DISK_DO is none of those known");
    }
    if ((text = getenv("DISK_LOG"))
        && (log_fd = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                             0600)) < 0)
        die(text);
    if ((text = getenv("DISK_RECORD"))
        && (record_fd = syscall(SYS_openat, AT_FDCWD, text,
                                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        die(text);
}

/* The C library's own function of this name. */
#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real && !(real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name))) \
        die(#name)

/* Whether a path is of the files that count; it is made absolute in `whole`. */
static int ours(int at_fd, const char *path, char *whole)
{
    size_t n;
    if (!dir_len || !path)
        return 0;
    if (path[0] == '/')
        n = snprintf(whole, PATH_MAX, "%s", path);
    else if (at_fd == AT_FDCWD && getcwd(whole, PATH_MAX / 2))
        n = strlen(whole), n += snprintf(whole + n, PATH_MAX - n, "/%s", path);
    else
        return 0;
    if (n >= PATH_MAX || strncmp(whole, dir, dir_len) || (whole[dir_len] && whole[dir_len] != '/'))
        return 0;
    return n < 4 || strcmp(whole + n - 4, "-shm");
}

/* The same of an open file. `shm` lets SQLite's -shm count: its locks are the ledger's too. */
static int ours_fd(int fd, char *whole, int shm)
{
    char link[64];
    ssize_t n;
    if (!dir_len)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX - 1);
    if (n < (ssize_t)dir_len)
        return 0;
    whole[n] = 0;
    if (strncmp(whole, dir, dir_len) || (whole[dir_len] && whole[dir_len] != '/'))
        return 0;
    return shm || !strstr(whole, "-shm");
}

static void out(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t done = syscall(SYS_write, fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            die("the record");
        p += done, n -= done;
    }
}

/* One entry of the record: a head, two names, bytes. All numbers little-endian. */
static void record(char op, uint64_t inode, int64_t where, const char *one, const char *two,
                   const void *bytes, size_t n)
{
    struct __attribute__((packed)) {
        char op;
        uint64_t inode;
        int64_t where;
        uint16_t one, two;
        uint32_t n;
    } head = {op, inode, where, strlen(one), strlen(two), n};
    if (record_fd < 0)
        return;
    char *all = malloc(sizeof head + head.one + head.two + n), *p = all;
    if (!all)
        die("memory");
    memcpy(p, &head, sizeof head), p += sizeof head;
    memcpy(p, one, head.one), p += head.one;
    memcpy(p, two, head.two), p += head.two;
    if (n)
        memcpy(p, bytes, n), p += n;
    /* In one write: a process that is killed leaves whole entries. */
    out(record_fd, all, p - all);
    free(all);
}

static uint64_t inode_of(int fd)
{
    struct stat meta;
    return syscall(SYS_fstat, fd, &meta) ? 0 : meta.st_ino;
}

/* Begins an operation: everything of ours happens one after the other. */
static enum what strike(char kind, const char *name, const char *path)
{
    enum what now = PASS;
    pthread_mutex_lock(&turn);
    if (strchr(ops, kind)) {
        count++;
        if (at && (count == at || (on && count > at)))
            now = deed;
        if (log_fd >= 0) {
            char line[PATH_MAX + 64];
            const char *file = path + (path[dir_len] == '/' ? dir_len + 1 : 0);
            int n = snprintf(line, sizeof line, "%s%ld %s %s\n", now == PASS ? "" : "!", count,
                             name, file);
            out(log_fd, line, n);
        }
    }
    if (now == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    return now;
}

/* Ends it; `failed` is the errno of what was struck. */
static void done(enum what now)
{
    int saved = errno;
    if (now == KILL_AFTER || now == KILL_HALF)
        kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&turn);
    errno = saved;
}

/* An operation that is done or not: struck, it fails without having been tried. */
#define WHOLE(kind, name, path, call, ok) do { \
        enum what now_ = strike(kind, name, path); \
        __typeof__(call) got_; \
        if (now_ == FAIL || now_ == HALF) \
            got_ = -1, errno = error_no; \
        else if ((got_ = (call)) >= 0) { ok; } \
        done(now_); \
        return got_; \
    } while (0)

static int opened(int at_fd, const char *path, int flags, mode_t mode)
{
    char whole[PATH_MAX];
    struct stat meta;
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    if (!writes || (flags & O_TMPFILE) == O_TMPFILE || !ours(at_fd, path, whole))
        return syscall(SYS_openat, at_fd, path, flags, mode);
    int there = !syscall(SYS_newfstatat, at_fd, path, &meta, 0);
    WHOLE('w', flags & O_CREAT ? "create" : "open", whole,
          (int)syscall(SYS_openat, at_fd, path, flags, mode),
          if (!there) record('C', inode_of(got_), 0, whole, "", NULL, 0);
          else if (flags & O_TRUNC) record('T', inode_of(got_), 0, whole, "", NULL, 0));
}

#define MODE(flags) ({ \
        mode_t mode_ = 0; \
        if ((flags) & (O_CREAT | O_TMPFILE)) { \
            va_list list_; \
            va_start(list_, flags); \
            mode_ = va_arg(list_, int); \
            va_end(list_); \
        } \
        mode_; \
    })

int open(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE(flags)); }
int open64(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE(flags)); }
int openat(int fd, const char *path, int flags, ...)
{
    return opened(fd, path, flags, MODE(flags));
}
int openat64(int fd, const char *path, int flags, ...)
{
    return opened(fd, path, flags, MODE(flags));
}

/* Writes at `where`, or at the file's position if that is negative. */
static ssize_t put(int fd, const struct iovec *pieces, int n, off_t where)
{
    return where < 0 ? syscall(SYS_writev, fd, pieces, n)
                     : syscall(SYS_pwrite64, fd, pieces->iov_base, pieces->iov_len, where);
}

static ssize_t written(const char *name, int fd, const struct iovec *pieces, int n, off_t where)
{
    char whole[PATH_MAX];
    if (!ours_fd(fd, whole, 0))
        return put(fd, pieces, n, where);
    enum what now = strike('w', name, whole);
    size_t wanted = 0;
    for (int i = 0; i < n; i++)
        wanted += pieces[i].iov_len;
    int flags = syscall(SYS_fcntl, fd, F_GETFL);
    int from = flags & O_APPEND ? SEEK_END : SEEK_CUR;
    off_t place = where >= 0 ? where : syscall(SYS_lseek, fd, 0, from);
    ssize_t got = -1;
    if (now == FAIL)
        errno = error_no;
    else if (now == HALF || now == SHORT || now == KILL_HALF) {
        struct iovec half = {pieces[0].iov_base, (pieces[0].iov_len + 1) / 2};
        got = put(fd, &half, 1, where);
    } else
        got = put(fd, pieces, n, where);
    if (got > 0 && record_fd >= 0) {
        char *bytes = malloc(wanted), *p = bytes;
        if (!bytes)
            die("memory");
        for (int i = 0; i < n; i++)
            memcpy(p, pieces[i].iov_base, pieces[i].iov_len), p += pieces[i].iov_len;
        record('W', inode_of(fd), place, whole, "", bytes, got);
        free(bytes);
    }
    if (now == HALF)
        got = -1, errno = error_no;
    done(now);
    return got;
}

/* A request on its way out: the number in it, so that the record tells what was sent when. */
static void told(int fd, const struct iovec *pieces, int n)
{
    static const char body[] = "\"out_request_no\":\"", get[] = "GET ";
    static const char path[] = "special-reduction/";
    struct stat meta;
    if (record_fd < 0 || syscall(SYS_fstat, fd, &meta) || !S_ISSOCK(meta.st_mode))
        return;
    for (int i = 0; i < n; i++) {
        const char *p = pieces[i].iov_base, *end = p + pieces[i].iov_len;
        int query = pieces[i].iov_len > 4 && !memcmp(p, get, 4);
        const char *mark = query ? path : body;
        while ((p = memmem(p, end - p, mark, strlen(mark)))) {
            char number[64] = "";
            p += strlen(mark);
            for (size_t k = 0; k < 63 && p < end && *p != '"' && *p != '?'; k++)
                number[k] = *p++;
            pthread_mutex_lock(&turn);
            record('N', 0, 0, number, query ? "query" : "submit", NULL, 0);
            pthread_mutex_unlock(&turn);
        }
    }
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    struct iovec piece = {(void *)bytes, n};
    told(fd, &piece, 1);
    return written("write", fd, &piece, 1, -1);
}

ssize_t writev(int fd, const struct iovec *pieces, int n)
{
    told(fd, pieces, n);
    return written("write", fd, pieces, n, -1);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    struct iovec piece = {(void *)bytes, n};
    told(fd, &piece, 1);
    return syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    told(fd, message->msg_iov, message->msg_iovlen);
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t where)
{
    struct iovec piece = {(void *)bytes, n};
    return written("write", fd, &piece, 1, where);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t where)
{
    return pwrite64(fd, bytes, n, where);
}

static ssize_t fetched(const char *name, int fd, void *bytes, size_t n, off_t where)
{
    char whole[PATH_MAX];
    if (!ours_fd(fd, whole, 0))
        return where < 0 ? syscall(SYS_read, fd, bytes, n)
                         : syscall(SYS_pread64, fd, bytes, n, where);
    WHOLE('r', name, whole,
          (ssize_t)(where < 0 ? syscall(SYS_read, fd, bytes, n)
                              : syscall(SYS_pread64, fd, bytes, n, where)), );
}

ssize_t read(int fd, void *bytes, size_t n) { return fetched("read", fd, bytes, n, -1); }
ssize_t pread64(int fd, void *bytes, size_t n, off64_t where)
{
    return fetched("read", fd, bytes, n, where);
}
ssize_t pread(int fd, void *bytes, size_t n, off_t where)
{
    return fetched("read", fd, bytes, n, where);
}

int ftruncate64(int fd, off64_t size)
{
    char whole[PATH_MAX];
    if (!ours_fd(fd, whole, 0))
        return syscall(SYS_ftruncate, fd, size);
    WHOLE('w', "truncate", whole, (int)syscall(SYS_ftruncate, fd, size),
          record('T', inode_of(fd), size, whole, "", NULL, 0));
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int fd, long call)
{
    char whole[PATH_MAX];
    struct stat meta;
    if (!ours_fd(fd, whole, 0))
        return syscall(call, fd);
    int directory = !syscall(SYS_fstat, fd, &meta) && S_ISDIR(meta.st_mode);
    WHOLE('w', directory ? "sync-directory" : "sync", whole, (int)syscall(call, fd),
          record(directory ? 'D' : 'S', meta.st_ino, 0, whole, "", NULL, 0));
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int rename(const char *from, const char *to)
{
    char one[PATH_MAX], two[PATH_MAX];
    if (!ours(AT_FDCWD, from, one) || !ours(AT_FDCWD, to, two))
        return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    WHOLE('w', "rename", two, (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0),
          record('R', 0, 0, one, two, NULL, 0));
}

int unlinkat(int fd, const char *path, int flags)
{
    char whole[PATH_MAX];
    if (!ours(fd, path, whole))
        return syscall(SYS_unlinkat, fd, path, flags);
    WHOLE('w', "unlink", whole, (int)syscall(SYS_unlinkat, fd, path, flags),
          record('U', 0, 0, whole, "", NULL, 0));
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int mkdir(const char *path, mode_t mode)
{
    char whole[PATH_MAX];
    if (!ours(AT_FDCWD, path, whole))
        return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    WHOLE('w', "mkdir", whole, (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode), );
}

/* No names for these in levy today; one that turns up must not go unseen. */
#define UNSEEN(name, parameters, path) \
    int name parameters { \
        char whole[PATH_MAX]; \
        if (path) { \
            dprintf(2, "disk.c: levy calls " #name ", which is not watched: teach disk.c\n"); \
            abort(); \
        } \
        errno = ENOSYS; \
        return -1; \
    }
UNSEEN(renameat, (int a, const char *from, int b, const char *to), ours(b, to, whole))
UNSEEN(renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
       ours(b, to, whole))
UNSEEN(link, (const char *from, const char *to), ours(AT_FDCWD, to, whole))
UNSEEN(fallocate64, (int fd, int mode, off64_t from, off64_t n), ours_fd(fd, whole, 0))
UNSEEN(posix_fallocate64, (int fd, off64_t from, off64_t n), ours_fd(fd, whole, 0))
UNSEEN(truncate64, (const char *path, off64_t n), ours(AT_FDCWD, path, whole))

/* Locks: SQLite's on the ledger and its -shm. A struck one is held by somebody else. */
static int controlled(int fd, int command, void *argument)
{
    char whole[PATH_MAX];
    const struct flock *lock = argument;
    int locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;
    if (!locks || lock->l_type == F_UNLCK || !ours_fd(fd, whole, 1))
        return syscall(SYS_fcntl, fd, command, argument);
    WHOLE('l', "lock", whole, (int)syscall(SYS_fcntl, fd, command, argument), );
}

#define ARGUMENT(before) ({ \
        va_list list_; \
        va_start(list_, before); \
        void *argument_ = va_arg(list_, void *); \
        va_end(list_); \
        argument_; \
    })

int fcntl(int fd, int command, ...) { return controlled(fd, command, ARGUMENT(command)); }
int fcntl64(int fd, int command, ...) { return controlled(fd, command, ARGUMENT(command)); }

int nanosleep(const struct timespec *pause, struct timespec *left)
{
    REAL(nanosleep);
    return hurry ? 0 : real(pause, left);
}

int usleep(useconds_t pause)
{
    REAL(usleep);
    return hurry ? 0 : real(pause);
}
