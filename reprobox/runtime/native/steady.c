/* One order of directories on every file system, and one layout of addresses.
 *
 * Directories. readdir(3) gives the order of the file system: of hashes on ext4, of creation on tmpfs. os.listdir, os.scandir, glob,
 * find and `ls -U` show it to programs, which draw samples in that order. This library replaces the whole family of opendir(3), so that
 * no stream of the C library is ever mixed with one of ours: a stream reads its directory to the end at the first question, and gives
 * the names in the order of their bytes. What asks the kernel itself (Go, other statically linked programs) or is inside of the C
 * library (ftw, fts) is not reached.
 *
 * Addresses. Sets of objects that hash by their address, and other code that looks at addresses, come out in another order in each
 * process while the kernel draws the places of memory (personality(2), ADDR_NO_RANDOMIZE). With REPROBOX_ADDRESSES=fixed each process
 * says that its children shall have fixed ones; the first is the shim, so the program and all below have them.
 *
 * It is preloaded into programs of any C library, so it needs none by name: malloc, free and __errno_location are those of the process,
 * and the rest are system calls. x86-64; the layout of struct dirent is the kernel's own there, in glibc and in musl.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PART = 1 << 16 };

struct stream {
    int fd;
    int fault;       /* errno of the reading, given after the names that came before it */
    int read;        /* whether the names are here */
    size_t next, count;
    char *bytes;     /* the kernel's records, one after the other */
    size_t size;
    struct dirent **names;
};

static long call(long number, long a, long b, long c, long d)
{
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
    return result;
}

static long checked(long result)
{
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static void copy(char *to, const char *from, size_t size)
{
    while (size--)
        *to++ = *from++;
}

static int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

__attribute__((constructor)) static void fix_addresses(void)
{
    extern char **environ;
    static const char wanted[] = "REPROBOX_ADDRESSES=fixed";
    for (char **one = environ; one && *one; one++)
        if (compare(*one, wanted) == 0) {
            long now = call(SYS_personality, 0xffffffff, 0, 0, 0);
            if (now >= 0 && !(now & ADDR_NO_RANDOMIZE))
                call(SYS_personality, now | ADDR_NO_RANDOMIZE, 0, 0, 0);
            return;
        }
}

static DIR *made(int fd)
{
    struct stream *stream = malloc(sizeof *stream);
    if (!stream) {
        errno = ENOMEM;
        return NULL;
    }
    *stream = (struct stream){.fd = fd};
    return (DIR *)stream;
}

DIR *opendir(const char *path)
{
    if (!*path) {
        errno = ENOENT;
        return NULL;
    }
    long fd = checked(call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC, 0));
    if (fd < 0)
        return NULL;
    DIR *stream = made((int)fd);
    if (!stream)
        call(SYS_close, fd, 0, 0, 0);
    return stream;
}

DIR *fdopendir(int fd)
{
    struct stat status;
    long flags = checked(call(SYS_fcntl, fd, F_GETFL, 0, 0));
    if (flags < 0 || checked(call(SYS_fstat, fd, (long)&status, 0, 0)) < 0)
        return NULL;
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH)) {
        errno = (flags & O_PATH) ? EBADF : EINVAL;
        return NULL;
    }
    call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0);
    return made(fd);
}

static void forget(struct stream *stream)
{
    free(stream->bytes);
    free(stream->names);
    stream->bytes = NULL;
    stream->names = NULL;
    stream->size = stream->count = stream->next = 0;
    stream->read = stream->fault = 0;
}

int closedir(DIR *dir)
{
    struct stream *stream = (struct stream *)dir;
    if (!stream) {
        errno = EINVAL;
        return -1;
    }
    int fd = stream->fd;
    forget(stream);
    free(stream);
    return (int)checked(call(SYS_close, fd, 0, 0, 0));
}

/* All records, into one block that grows by half. */
static int read_records(struct stream *stream)
{
    size_t room = 0;
    for (;;) {
        if (room - stream->size < PART) {
            size_t larger = room + room / 2 + 2 * PART;
            char *bytes = malloc(larger);
            if (!bytes)
                return ENOMEM;
            copy(bytes, stream->bytes, stream->size);
            free(stream->bytes);
            stream->bytes = bytes;
            room = larger;
        }
        long got = call(SYS_getdents64, stream->fd, (long)(stream->bytes + stream->size), PART, 0);
        if (got == 0)
            return 0;
        if (got < 0)
            return got == -ENOENT ? 0 : (int)-got; /* a directory that was removed has no names */
        stream->size += (size_t)got;
    }
}

static void sort(struct dirent **names, struct dirent **spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count;
            size_t end = start + 2 * width < count ? start + 2 * width : count;
            size_t left = start, right = middle;
            for (size_t place = start; place < end; place++)
                spare[place] = left < middle && (right >= end || compare(names[left]->d_name, names[right]->d_name) <= 0)
                                   ? names[left++]
                                   : names[right++];
        }
        copy((char *)names, (const char *)spare, count * sizeof *names);
    }
}

static void read_all(struct stream *stream)
{
    stream->read = 1;
    stream->fault = read_records(stream);
    size_t count = 0;
    for (size_t at = 0; at < stream->size; count++)
        at += ((struct dirent *)(stream->bytes + at))->d_reclen;
    stream->names = malloc((2 * count + 1) * sizeof *stream->names);
    if (!stream->names) {
        stream->fault = ENOMEM;
        return;
    }
    for (size_t at = 0; at < stream->size; at += stream->names[stream->count++]->d_reclen)
        stream->names[stream->count] = (struct dirent *)(stream->bytes + at);
    sort(stream->names, stream->names + count, count);
    for (size_t place = 0; place < count; place++)
        stream->names[place]->d_off = (off_t)place + 1;
}

struct dirent *readdir(DIR *dir)
{
    struct stream *stream = (struct stream *)dir;
    if (!stream->read) {
        int before = errno;
        read_all(stream);
        errno = before;
    }
    if (stream->next < stream->count)
        return stream->names[stream->next++];
    if (stream->fault)
        errno = stream->fault;
    return NULL;
}

struct dirent64 *readdir64(DIR *dir)
{
    return (struct dirent64 *)readdir(dir);
}

int readdir_r(DIR *dir, struct dirent *entry, struct dirent **result)
{
    struct stream *stream = (struct stream *)dir;
    struct dirent *found = readdir(dir);
    *result = NULL;
    if (!found)
        return stream->fault;
    copy((char *)entry, (const char *)found, found->d_reclen < sizeof *entry ? found->d_reclen : sizeof *entry);
    *result = entry;
    return 0;
}

int readdir64_r(DIR *dir, struct dirent64 *entry, struct dirent64 **result)
{
    return readdir_r(dir, (struct dirent *)entry, (struct dirent **)result);
}

void rewinddir(DIR *dir)
{
    struct stream *stream = (struct stream *)dir;
    call(SYS_lseek, stream->fd, 0, 0, 0);
    forget(stream);
}

long telldir(DIR *dir)
{
    return (long)((struct stream *)dir)->next;
}

void seekdir(DIR *dir, long place)
{
    struct stream *stream = (struct stream *)dir;
    if (!stream->read)
        read_all(stream);
    stream->next = place < 0 ? 0 : (size_t)place < stream->count ? (size_t)place : stream->count;
}

int dirfd(DIR *dir)
{
    return ((struct stream *)dir)->fd;
}

typedef int (*filter)(const struct dirent *);
typedef int (*order)(const struct dirent **, const struct dirent **);

static int scanned(DIR *dir, struct dirent ***list, filter wanted, order by)
{
    struct dirent **names = NULL, *one;
    size_t count = 0, room = 0;
    if (!dir)
        return -1;
    errno = 0;
    while ((one = readdir(dir))) {
        if (wanted && !wanted(one))
            continue;
        if (count == room) {
            room = 2 * room + 16;
            struct dirent **larger = malloc(room * sizeof *larger);
            if (!larger)
                break;
            copy((char *)larger, (const char *)names, count * sizeof *names);
            free(names);
            names = larger;
        }
        if (!(names[count] = malloc(one->d_reclen)))
            break;
        copy((char *)names[count++], (const char *)one, one->d_reclen);
        errno = 0;
    }
    int fault = one ? ENOMEM : errno;
    closedir(dir);
    if (fault) {
        while (count)
            free(names[--count]);
        free(names);
        errno = fault;
        return -1;
    }
    if (by && count > 1)
        qsort(names, count, sizeof *names, (int (*)(const void *, const void *))by);
    *list = names;
    return (int)count;
}

static DIR *opened_at(int fd, const char *path)
{
    long inner = checked(call(SYS_openat, fd, (long)path, O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC, 0));
    return inner < 0 ? NULL : made((int)inner);
}

int scandir(const char *path, struct dirent ***list, filter wanted, order by)
{
    return scanned(opendir(path), list, wanted, by);
}

int scandir64(const char *path, struct dirent64 ***list, int (*wanted)(const struct dirent64 *),
              int (*by)(const struct dirent64 **, const struct dirent64 **))
{
    return scanned(opendir(path), (struct dirent ***)list, (filter)wanted, (order)by);
}

int scandirat(int fd, const char *path, struct dirent ***list, filter wanted, order by)
{
    return scanned(opened_at(fd, path), list, wanted, by);
}

int scandirat64(int fd, const char *path, struct dirent64 ***list, int (*wanted)(const struct dirent64 *),
                int (*by)(const struct dirent64 **, const struct dirent64 **))
{
    return scanned(opened_at(fd, path), (struct dirent ***)list, (filter)wanted, (order)by);
}
