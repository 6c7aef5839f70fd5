/* Run a list of file operations with one release of the interpreter lock.
 *
 * chain.py describes the operations, checks them by a twin written in Python, and is the only
 * importer. run(program, fd) -> (steps done, errno, directories made). The program is a tuple of
 * tuples (op, slot, path or name, data, number); texts and bytes are borrowed from it, the caller
 * keeps it alive. Descriptors that a program opened are closed when it ends; slot 0 may hold one
 * of the caller's, which stays open.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OPEN, CLOSE, MKDIR, MKDIR_NEW, WRITE, APPEND, SETXATTR, FSYNC, FDATASYNC, FLOCK, IN_PLACE,
       EXISTS, LINK, ROOM, OPS };
enum { SLOTS = 4, STEPS_MAX = 64 };

typedef struct {
    int op, slot;
    const char *text, *data;
    Py_ssize_t size;
    long long number;
} step_t;

static int
write_all(int fd, const char *data, Py_ssize_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        data += written;
        size -= written;
    }
    return 0;
}

/* All or nothing: what was written of a record that does not fit is taken back. */
static int
append_all(int fd, const char *data, Py_ssize_t size, long long size_max)
{
    struct stat before;
    if (fstat(fd, &before) < 0)
        return -1;
    if (before.st_size > size_max) {
        errno = EFBIG;
        return -1;
    }
    if (write_all(fd, data, size) == 0)
        return 0;
    int error = errno;
    if (ftruncate(fd, before.st_size) < 0)
        return -1;
    errno = error;
    return -1;
}

static int
link_unnamed(int fd, const char *target)
{
    char source[40];
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW);
}

/* A lock file that was deleted meanwhile protects nothing. */
static int
check_in_place(int fd)
{
    struct stat found;
    if (fstat(fd, &found) < 0)
        return -1;
    errno = ENOENT;
    return found.st_nlink > 0 ? 0 : -1;
}

static int
check_room(int fd, long long limit)
{
    struct statvfs info;
    if (fstatvfs(fd, &info) < 0)
        return -1;
    errno = ENOSPC;
    return (long long)info.f_bavail * (long long)info.f_frsize > limit ? 0 : -1;
}

static int
make_dir(const char *path, int must_be_new, long *made)
{
    if (mkdir(path, 0777) == 0) {
        ++*made;
        return 0;
    }
    return errno == EEXIST && !must_be_new ? 0 : -1;
}

static int
open_file(const step_t *step, int *fds)
{
    if (fds[step->slot] >= 0) {
        errno = EBADF;
        return -1;
    }
    int fd = open(step->text, (int)step->number | O_CLOEXEC, 0600 | (step->size ? 044 : 0));
    if (fd < 0)
        return -1;
    fds[step->slot] = fd;
    return 0;
}

static int
close_slot(int *fds, int slot)
{
    int fd = fds[slot];
    fds[slot] = -1;
    return close(fd);
}

static int
execute(const step_t *step, int *fds, long *made)
{
    int fd = fds[step->slot];
    struct stat found;
    switch (step->op) {
    case OPEN: return open_file(step, fds);
    case CLOSE: return close_slot(fds, step->slot);
    case MKDIR: return make_dir(step->text, 0, made);
    case MKDIR_NEW: return make_dir(step->text, 1, made);
    case WRITE: return write_all(fd, step->data, step->size);
    case APPEND: return append_all(fd, step->data, step->size, step->number);
    case SETXATTR: return fsetxattr(fd, step->text, step->data, step->size, 0);
    case FSYNC: return fsync(fd);
    case FDATASYNC: return fdatasync(fd);
    case FLOCK: return flock(fd, (int)step->number);
    case IN_PLACE: return check_in_place(fd);
    case EXISTS: return stat(step->text, &found);
    case LINK: return link_unnamed(fd, step->text);
    case ROOM: return check_room(fd, step->number);
    }
    errno = EINVAL;
    return -1;
}

static int
parse(PyObject *item, step_t *step)
{
    PyObject *text, *data;
    step->text = step->data = NULL;
    step->size = 0;
    if (!PyTuple_Check(item) ||
        !PyArg_ParseTuple(item, "iiOOL", &step->op, &step->slot, &text, &data, &step->number))
        return -1;
    if (step->op < 0 || step->op >= OPS || step->slot < 0 || step->slot >= SLOTS) {
        PyErr_SetString(PyExc_ValueError, "no such operation or slot");
        return -1;
    }
    if (text != Py_None && (step->text = PyUnicode_AsUTF8(text)) == NULL)
        return -1;
    if (data == Py_True)
        step->size = 1;
    else if (data != Py_None && PyBytes_AsStringAndSize(data, (char **)&step->data,
                                                        &step->size) < 0)
        return -1;
    return 0;
}

static PyObject *
run(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *program;
    int fds[SLOTS] = {-1, -1, -1, -1}, given, error = 0;
    step_t steps[STEPS_MAX];
    long made = 0;
    Py_ssize_t done = 0;
    if (!PyArg_ParseTuple(args, "O!i", &PyTuple_Type, &program, &given))
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(program);
    if (count > STEPS_MAX) {
        PyErr_SetString(PyExc_ValueError, "too many steps");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (parse(PyTuple_GET_ITEM(program, i), &steps[i]) < 0)
            return NULL;
    fds[0] = given;
    Py_BEGIN_ALLOW_THREADS
    for (; done < count; done++) {
        int result;
        do {
            result = execute(&steps[done], fds, &made);
        } while (result < 0 && errno == EINTR && steps[done].op != CLOSE);
        if (result < 0) {
            error = errno;
            break;
        }
    }
    for (int slot = 0; slot < SLOTS; slot++)
        if (fds[slot] >= 0 && fds[slot] != given)
            close(fds[slot]);
    Py_END_ALLOW_THREADS
    return Py_BuildValue("nil", done, error, made);
}

static PyMethodDef methods[] = {
    {"run", run, METH_VARARGS, "run(program, fd) -> (steps done, errno, directories made)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_chain", NULL, -1, methods};

PyMODINIT_FUNC
PyInit__chain(void)
{
    return PyModule_Create(&module);
}
