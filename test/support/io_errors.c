/* A library to be preloaded: file operations on one device fail with EIO while a switch says so.
 *
 *     IO_ERRORS_DEVICE   the folder whose files are concerned
 *     IO_ERRORS_SWITCH   a folder; while it holds a file `read` or `write`, those operations fail
 *
 * It stands for a dying disk where the kernel has no device mapper. It sits below the interpreter,
 * the C extension and SQLite alike. Built by io_errors.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

static int is_on(const char *mode)
{
    char path[4096];
    const char *folder = getenv("IO_ERRORS_SWITCH");
    if (!folder)
        return 0;
    int before = errno;
    snprintf(path, sizeof path, "%s/%s", folder, mode);
    int on = access(path, F_OK) == 0;
    errno = before;
    return on;
}

static int is_on_device(const char *path)
{
    const char *device = getenv("IO_ERRORS_DEVICE");
    size_t size = device ? strlen(device) : 0;
    return size && strncmp(path, device, size) == 0 && (path[size] == '/' || !path[size]);
}

static int path_fails(const char *path, const char *mode)
{
    if (!is_on_device(path) || !is_on(mode))
        return 0;
    errno = EIO;
    return 1;
}

static int fails(int fd, const char *mode)
{
    char link[64], path[4096];
    if (!is_on(mode))
        return 0;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = before;
    if (size < 0)
        return 0;
    path[size] = 0;
    if (!is_on_device(path))
        return 0;
    errno = EIO;
    return 1;
}

#define OVER_FD(type, name, mode, fd, declared, given)                                     \
    type name declared                                                                     \
    {                                                                                      \
        static type(*real) declared;                                                       \
        if (!real)                                                                         \
            real = (type(*) declared)dlsym(RTLD_NEXT, #name);                              \
        return fails(fd, mode) ? -1 : real given;                                          \
    }

#define OVER_PATH(name, path, declared, given)                                             \
    int name declared                                                                      \
    {                                                                                      \
        static int(*real) declared;                                                        \
        if (!real)                                                                         \
            real = (int(*) declared)dlsym(RTLD_NEXT, #name);                               \
        return path_fails(path, "write") ? -1 : real given;                                \
    }

OVER_FD(ssize_t, read, "read", fd, (int fd, void *to, size_t size), (fd, to, size))
OVER_FD(ssize_t, pread, "read", fd, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
OVER_FD(ssize_t, pread64, "read", fd, (int fd, void *to, size_t size, off_t at),
        (fd, to, size, at))
OVER_FD(ssize_t, sendfile, "read", in, (int out, int in, off_t *at, size_t size),
        (out, in, at, size))
OVER_FD(ssize_t, sendfile64, "read", in, (int out, int in, off_t *at, size_t size),
        (out, in, at, size))
OVER_FD(ssize_t, fgetxattr, "read", fd, (int fd, const char *name, void *to, size_t size),
        (fd, name, to, size))
OVER_FD(ssize_t, write, "write", fd, (int fd, const void *from, size_t size), (fd, from, size))
OVER_FD(ssize_t, pwrite, "write", fd, (int fd, const void *from, size_t size, off_t at),
        (fd, from, size, at))
OVER_FD(ssize_t, pwrite64, "write", fd, (int fd, const void *from, size_t size, off_t at),
        (fd, from, size, at))
OVER_FD(int, fsync, "write", fd, (int fd), (fd))
OVER_FD(int, fdatasync, "write", fd, (int fd), (fd))
OVER_FD(int, ftruncate, "write", fd, (int fd, off_t size), (fd, size))
OVER_FD(int, ftruncate64, "write", fd, (int fd, off_t size), (fd, size))
OVER_FD(int, fsetxattr, "write", fd,
        (int fd, const char *name, const void *from, size_t size, int flags),
        (fd, name, from, size, flags))
OVER_PATH(mkdir, path, (const char *path, mode_t mode), (path, mode))
OVER_PATH(rename, to, (const char *from, const char *to), (from, to))
OVER_PATH(linkat, to, (int from_dir, const char *from, int to_dir, const char *to, int flags),
          (from_dir, from, to_dir, to, flags))
