/* Run a list of file operations with one release of the interpreter lock, or in threads of their
 * own that never ask for it.
 *
 * chain.py describes the operations, checks them by a twin written in Python, and is the only
 * importer. run(program, fd) -> (steps done, errno, directories made, what was read). The program
 * is a tuple of tuples (op, slot, path or name, data, number); texts and bytes are borrowed from
 * it, the caller keeps it alive. Descriptors that a program opened are closed when it ends; slot 0
 * may hold one of the caller's, which stays open. What was read is a list: for each reading step
 * that went through bytes, or None where nothing was.
 *
 * Crew(threads, wake_fd) has up to so many threads, started on demand; submit(program, token) hands
 * a program over, collect() returns [(token, what run() returns)] of those that have ended, and
 * whenever there begin to be some, the eventfd wake_fd becomes readable. One thread owns it and
 * calls its methods. Only there, with the interpreter lock held, are Python's objects touched; a
 * job keeps those that it reads.
 *
 * peek(directory, data, meta, size) reads what memory holds of two files, and waits for nothing.
 *
 * One file in spite of its length: parts of an extension would have to share by exporting.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/file.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

enum { OPEN, CLOSE, MKDIR, MKDIR_NEW, WRITE, APPEND, SETXATTR, FSYNC, FDATASYNC, FLOCK, IN_PLACE,
       EXISTS, LINK, ROOM, MOUNTED, SAME, EMPTY, UNLINK, LIST, OPEN_LAST, OPEN_IF, STAT, STATUS,
       GETXATTR, READ, OPS };
/* What chain.py expects, too: to be raised with every change that the other side can tell. */
enum { VERSION = 2 };
enum { SLOTS = 4, STEPS_MAX = 64, PIECES_MAX = 10, STACK_SIZE = 1 << 18 };
enum { NAMES_BYTES_MAX = 1 << 20, ATTRIBUTE_BYTES = 4096, ATTRIBUTE_BYTES_MAX = 65536 };

typedef struct {
    int op, slot;
    const char *text, *data;
    Py_ssize_t size;
    long long number;
} step_t;

/* What was read; without data where nothing was. */
typedef struct {
    char *data;
    Py_ssize_t size;
} piece_t;

/* Of a program that is being carried out. */
typedef struct {
    int fds[SLOTS];
    long made;                          /* directories */
    piece_t pieces[PIECES_MAX];
    int count;                          /* of pieces */
    piece_t names;                      /* the last list, which is one of the pieces */
} state_t;

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

/* As fs.is_mount: another device than the directory above, or a stub file says so. */
static int
check_mounted(const char *path, const char *stub)
{
    char name[PATH_MAX];
    struct stat own, above;
    if (lstat(path, &own) < 0)
        return -1;
    if (!S_ISLNK(own.st_mode)) {
        if ((size_t)snprintf(name, sizeof name, "%s/..", path) >= sizeof name) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (lstat(name, &above) < 0)
            return -1;
        if (own.st_dev != above.st_dev || own.st_ino == above.st_ino)
            return 0;
    }
    if ((size_t)snprintf(name, sizeof name, "%s/%s", path, stub) >= sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (stat(name, &above) < 0)
        return -1;
    errno = ENOENT;
    return S_ISREG(above.st_mode) ? 0 : -1;
}

/* marks: inode, modification time in ns and size, as three numbers of 64 bits. */
static int
check_same(const char *path, const char *marks, Py_ssize_t size)
{
    struct stat found;
    int64_t known[3];
    if (size != sizeof known) {
        errno = EINVAL;
        return -1;
    }
    memcpy(known, marks, sizeof known);
    if (stat(path, &found) < 0)
        return -1;
    errno = ESTALE;
    return (int64_t)found.st_ino == known[0] && (int64_t)found.st_size == known[2] &&
           (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec == known[1] ? 0 : -1;
}

static int
check_empty(const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0)
        return errno == ENOENT ? 0 : -1;
    errno = EFBIG;
    return found.st_size == 0 ? 0 : -1;
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

/* -- reading: each of these adds a piece ------------------------------------------------------- */

/* Takes data over. */
static int
keep(state_t *state, char *data, Py_ssize_t size)
{
    if (state->count == PIECES_MAX) {
        free(data);
        errno = ENOBUFS;
        return -1;
    }
    state->pieces[state->count++] = (piece_t){data, size};
    return 0;
}

static int
append_name(piece_t *names, Py_ssize_t *room, const char *name)
{
    Py_ssize_t size = strlen(name) + 1;
    if (names->size + size > *room) {
        Py_ssize_t more = 2 * *room + 256;
        char *grown = more > NAMES_BYTES_MAX ? NULL : realloc(names->data, more);
        if (grown == NULL) {
            errno = more > NAMES_BYTES_MAX ? EFBIG : ENOMEM;
            return -1;
        }
        names->data = grown;
        *room = more;
    }
    memcpy(names->data + names->size, name, size);
    names->size += size;
    return 0;
}

/* Names without "." and "..", each with the NUL that ends it. */
static int
list_dir(state_t *state, const char *path)
{
    piece_t names = {NULL, 0};
    Py_ssize_t room = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -1;
    int result = 0;
    while (result == 0) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            result = errno ? -1 : append_name(&names, &room, "");
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = append_name(&names, &room, entry->d_name);
    }
    int error = errno;
    closedir(dir);
    if (result < 0) {
        free(names.data);
        errno = error;
        return -1;
    }
    names.size--;                       /* the empty name was for having some data */
    if (keep(state, names.data, names.size) < 0)
        return -1;
    state->names = names;
    return 0;
}

/* Open the greatest of the names listed last that end so; without one the slot stays empty. */
static int
open_last(const step_t *step, state_t *state)
{
    if (state->fds[step->slot] >= 0) {
        errno = EBADF;
        return -1;
    }
    const char *chosen = NULL, *name = state->names.data, *end = name + state->names.size;
    for (; name < end; name += strlen(name) + 1) {
        size_t size = strlen(name);
        if (size >= (size_t)step->size && (chosen == NULL || strcmp(name, chosen) > 0) &&
            memcmp(name + size - step->size, step->data, step->size) == 0)
            chosen = name;
    }
    if (chosen == NULL)
        return 0;
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", step->text, chosen) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return state->fds[step->slot] = open(path, (int)step->number | O_CLOEXEC);
}

/* Device, inode, size, times of modification and of change in ns. */
typedef int64_t status_t[5];

static void
pack_status(const struct stat *found, status_t values)
{
    values[0] = found->st_dev;
    values[1] = found->st_ino;
    values[2] = found->st_size;
    values[3] = (int64_t)found->st_mtim.tv_sec * 1000000000 + found->st_mtim.tv_nsec;
    values[4] = (int64_t)found->st_ctim.tv_sec * 1000000000 + found->st_ctim.tv_nsec;
}

static int
keep_status(state_t *state, const struct stat *found)
{
    char *data = malloc(sizeof(status_t));
    if (data == NULL)
        return -1;
    status_t values;
    pack_status(found, values);
    memcpy(data, values, sizeof values);
    return keep(state, data, sizeof values);
}

static int
read_status_of(state_t *state, const char *path)
{
    struct stat found;
    return stat(path, &found) < 0 ? -1 : keep_status(state, &found);
}

static int
read_status(state_t *state, int fd)
{
    struct stat found;
    return fstat(fd, &found) < 0 ? -1 : keep_status(state, &found);
}

static int
read_attribute(state_t *state, int fd, const char *name)
{
    Py_ssize_t room = ATTRIBUTE_BYTES;
    for (;;) {
        char *data = malloc(room);
        if (data == NULL)
            return -1;
        ssize_t size = fgetxattr(fd, name, data, room);
        if (size >= 0)
            return keep(state, data, size);
        int error = errno;
        free(data);
        if (error == ENODATA)
            return keep(state, NULL, 0);
        if (error != ERANGE || room == ATTRIBUTE_BYTES_MAX) {
            errno = error;
            return -1;
        }
        room = ATTRIBUTE_BYTES_MAX;
    }
}

/* Read a file from its current position to its end; nothing of one that is longer than size_max. */
static int
read_whole(state_t *state, int fd, long long size_max)
{
    struct stat found;
    if (fstat(fd, &found) < 0)
        return -1;
    if (found.st_size > size_max)
        return keep(state, NULL, 0);
    char *data = malloc(found.st_size + 1);
    if (data == NULL)
        return -1;
    Py_ssize_t size = 0;
    while (size < found.st_size) {
        ssize_t more = read(fd, data + size, found.st_size - size);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0) {
            int error = errno;
            free(data);
            errno = error;
            return -1;
        }
        if (more == 0)
            break;
        size += more;
    }
    return keep(state, data, size);
}

static int
open_if_there(const step_t *step, int *fds)
{
    return open_file(step, fds) == 0 || errno == ENOENT ? 0 : -1;
}

static int
execute_reading(const step_t *step, state_t *state)
{
    int fd = state->fds[step->slot];
    if (step->op == LIST)
        return list_dir(state, step->text);
    if (step->op == STAT)
        return read_status_of(state, step->text);
    if (fd < 0)
        return keep(state, NULL, 0);    /* nothing was there to be opened */
    switch (step->op) {
    case STATUS: return read_status(state, fd);
    case GETXATTR: return read_attribute(state, fd, step->text);
    default: return read_whole(state, fd, step->number);
    }
}

/* -- programs ---------------------------------------------------------------------------------- */

static int
execute(const step_t *step, state_t *state)
{
    int *fds = state->fds, fd = fds[step->slot];
    struct stat found;
    switch (step->op) {
    case OPEN: return open_file(step, fds);
    case OPEN_IF: return open_if_there(step, fds);
    case OPEN_LAST: return open_last(step, state);
    case CLOSE: return close_slot(fds, step->slot);
    case MKDIR: return make_dir(step->text, 0, &state->made);
    case MKDIR_NEW: return make_dir(step->text, 1, &state->made);
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
    case SAME: return check_same(step->text, step->data, step->size);
    case EMPTY: return check_empty(step->text);
    case UNLINK: return unlink(step->text) == 0 || errno == ENOENT ? 0 : -1;
    case MOUNTED: return check_mounted(step->text, step->data);
    }
    return execute_reading(step, state);
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

/* Read a program into steps, of which there is room for STEPS_MAX; returns their number. */
static Py_ssize_t
parse_program(PyObject *program, step_t *steps)
{
    Py_ssize_t count = PyTuple_GET_SIZE(program);
    if (count > STEPS_MAX) {
        PyErr_SetString(PyExc_ValueError, "too many steps");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (parse(PyTuple_GET_ITEM(program, i), &steps[i]) < 0)
            return -1;
    return count;
}

/* Returns how many steps went through. Touches nothing of Python. */
static Py_ssize_t
execute_all(const step_t *steps, Py_ssize_t count, int given, int *error, state_t *state)
{
    for (int slot = 0; slot < SLOTS; slot++)
        state->fds[slot] = slot ? -1 : given;
    state->made = state->count = 0;
    state->names = (piece_t){NULL, 0};
    Py_ssize_t done = 0;
    for (; done < count; done++) {
        int result;
        do {
            result = execute(&steps[done], state);
        } while (result < 0 && errno == EINTR && steps[done].op != CLOSE);
        if (result < 0) {
            *error = errno;
            break;
        }
    }
    for (int slot = 0; slot < SLOTS; slot++)
        if (state->fds[slot] >= 0 && state->fds[slot] != given)
            close(state->fds[slot]);
    return done;
}

/* What a program has come to, as Python's object. Frees the pieces. NULL: no memory. */
static PyObject *
outcome(Py_ssize_t done, int error, state_t *state)
{
    PyObject *found = PyList_New(state->count);
    for (int i = 0; i < state->count; i++) {
        piece_t *piece = &state->pieces[i];
        PyObject *value = piece->data == NULL ? Py_NewRef(Py_None)
            : PyBytes_FromStringAndSize(piece->data, piece->size);
        free(piece->data);
        if (found != NULL && value != NULL)
            PyList_SET_ITEM(found, i, value);
        else
            Py_CLEAR(found);
    }
    return found == NULL ? PyErr_NoMemory()
        : Py_BuildValue("nilN", done, error, state->made, found);
}

static PyObject *
run(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *program;
    int given, error = 0;
    step_t steps[STEPS_MAX];
    state_t state;
    Py_ssize_t count, done;
    if (!PyArg_ParseTuple(args, "O!i", &PyTuple_Type, &program, &given))
        return NULL;
    if ((count = parse_program(program, steps)) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    done = execute_all(steps, count, given, &error, &state);
    Py_END_ALLOW_THREADS
    return outcome(done, error, &state);
}

/* -- what memory holds -------------------------------------------------------------------------- */

/* Open something if its names need not be read from disk. */
static int
open_cached(int dir, const char *name, int flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

static int
peek_status(int dir, const char *name, status_t values)
{
    struct stat found;
    int fd = open_cached(dir, name, O_PATH);
    if (fd < 0)
        return -1;
    int result = fstat(fd, &found);
    close(fd);
    if (result == 0)
        pack_status(&found, values);
    return result;
}

/* Read a whole file whose pages are in memory. NULL without an exception: they are not. */
static PyObject *
peek_data(int dir, const char *name, Py_ssize_t size, status_t values)
{
    struct stat found;
    PyObject *data = NULL;
    int fd = open_cached(dir, name, O_RDONLY);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &found) == 0 && found.st_size == size &&
        (data = PyBytes_FromStringAndSize(NULL, size)) != NULL) {
        struct iovec part = {PyBytes_AS_STRING(data), size};
        pack_status(&found, values);
        if (size && preadv2(fd, &part, 1, 0, RWF_NOWAIT) != size)
            Py_CLEAR(data);
    }
    close(fd);
    return data;
}

static PyObject *
peek(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *path, *name, *other;
    Py_ssize_t size;
    status_t of_dir, of_data, of_meta;
    struct stat found;
    PyObject *data = NULL;
    if (!PyArg_ParseTuple(args, "sszn", &path, &name, &other, &size))
        return NULL;
    int dir = open_cached(AT_FDCWD, path, O_PATH | O_DIRECTORY);
    if (dir < 0)
        Py_RETURN_NONE;
    int there = fstat(dir, &found) == 0 && (other == NULL || peek_status(dir, other, of_meta) == 0);
    if (there && size >= 0)
        there = (data = peek_data(dir, name, size, of_data)) != NULL;
    else if (there)
        there = peek_status(dir, name, of_data) == 0;
    close(dir);
    if (PyErr_Occurred())
        return NULL;
    if (!there)
        Py_RETURN_NONE;
    pack_status(&found, of_dir);
    return Py_BuildValue("y#y#y#N", of_dir, sizeof of_dir, of_data, sizeof of_data,
                         other == NULL ? NULL : (char *)of_meta, sizeof of_meta,
                         data == NULL ? Py_NewRef(Py_None) : data);
}

/* -- threads without an interpreter ----------------------------------------------------------- */

typedef struct job {
    struct job *next;
    PyObject *program, *token;
    Py_ssize_t count, done;
    int error;
    state_t state;
    step_t steps[];
} job_t;

typedef struct {
    job_t *first, **end;
} queue_t;

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, left;
    queue_t waiting, ended;
    int size, threads, idle, queued, stopping, wake_fd;
} crew_t;

typedef struct {
    PyObject_HEAD
    crew_t *crew;
    pid_t owner;
} crew_object_t;

static void
put(queue_t *queue, job_t *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static void *
work(void *arg)
{
    crew_t *crew = arg;
    pthread_mutex_lock(&crew->lock);
    for (;;) {
        job_t *job = crew->waiting.first;
        if (job == NULL) {
            if (crew->stopping)
                break;
            crew->idle++;
            pthread_cond_wait(&crew->wake, &crew->lock);
            crew->idle--;
            continue;
        }
        if ((crew->waiting.first = job->next) == NULL)
            crew->waiting.end = &crew->waiting.first;
        crew->queued--;
        pthread_mutex_unlock(&crew->lock);
        job->done = execute_all(job->steps, job->count, -1, &job->error, &job->state);
        pthread_mutex_lock(&crew->lock);
        int first = crew->ended.first == NULL;
        put(&crew->ended, job);
        if (first) {
            /* Outside the lock: whoever wakes up takes it at once. */
            uint64_t one = 1;
            pthread_mutex_unlock(&crew->lock);
            while (write(crew->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
                ;
            pthread_mutex_lock(&crew->lock);
        }
    }
    crew->threads--;
    pthread_cond_broadcast(&crew->left);
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* With the lock held. Signals are for the interpreter's threads. */
static int
start_thread(crew_t *crew)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, work, crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        crew->threads++;
    return error;
}

static PyObject *
crew_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    int size, wake_fd;
    if (!PyArg_ParseTuple(args, "ii", &size, &wake_fd))
        return NULL;
    crew_object_t *self = (crew_object_t *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    crew_t *crew = self->crew = calloc(1, sizeof *crew);
    if (crew == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->owner = getpid();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wake, NULL);
    pthread_cond_init(&crew->left, &attributes);
    pthread_condattr_destroy(&attributes);
    crew->waiting.end = &crew->waiting.first;
    crew->ended.end = &crew->ended.first;
    crew->size = size;
    crew->wake_fd = wake_fd;
    return (PyObject *)self;
}

static PyObject *
crew_submit(crew_object_t *self, PyObject *const *args, Py_ssize_t given)
{
    crew_t *crew = self->crew;
    if (given != 2 || !PyTuple_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "submit(program, token)");
        return NULL;
    }
    step_t steps[STEPS_MAX];
    Py_ssize_t count = parse_program(args[0], steps);
    if (count < 0)
        return NULL;
    job_t *job = malloc(sizeof *job + count * sizeof *steps);
    if (job == NULL)
        return PyErr_NoMemory();
    memcpy(job->steps, steps, count * sizeof *steps);
    job->count = count;
    job->done = job->error = 0;
    job->program = Py_NewRef(args[0]);
    job->token = Py_NewRef(args[1]);
    pthread_mutex_lock(&crew->lock);
    int error = crew->stopping ? ESHUTDOWN : 0;
    if (!error && crew->queued >= crew->idle && crew->threads < crew->size) {
        error = start_thread(crew);
        if (crew->threads)
            error = 0;                  /* the others will do it */
    }
    if (!error) {
        put(&crew->waiting, job);
        crew->queued++;
    }
    int idle = crew->idle;
    pthread_mutex_unlock(&crew->lock);
    if (!error) {
        /* Outside the lock, which who wakes up takes at once. */
        if (idle)
            pthread_cond_signal(&crew->wake);
        Py_RETURN_NONE;
    }
    Py_DECREF(job->program);
    Py_DECREF(job->token);
    free(job);
    errno = error;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *
crew_collect(crew_object_t *self, PyObject *Py_UNUSED(nothing))
{
    crew_t *crew = self->crew;
    uint64_t count;
    PyObject *found = PyList_New(0);
    if (found == NULL)
        return NULL;
    /* Before the list is taken: a job that ends from then on makes it readable again. */
    if (read(crew->wake_fd, &count, sizeof count) < 0)
        errno = 0;
    pthread_mutex_lock(&crew->lock);
    job_t *job = crew->ended.first;
    crew->ended.first = NULL;
    crew->ended.end = &crew->ended.first;
    pthread_mutex_unlock(&crew->lock);
    while (job != NULL) {
        job_t *next = job->next;
        PyObject *told = outcome(job->done, job->error, &job->state);
        PyObject *item = told == NULL ? NULL : Py_BuildValue("NN", job->token, told);
        if (item == NULL || PyList_Append(found, item) < 0)
            Py_FatalError("no memory to tell of a finished job");
        Py_DECREF(item);
        Py_DECREF(job->program);
        free(job);
        job = next;
    }
    return found;
}

static PyObject *
crew_close(crew_object_t *self, PyObject *args)
{
    crew_t *crew = self->crew;
    double seconds;
    struct timespec until;
    if (!PyArg_ParseTuple(args, "d", &seconds))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&crew->lock);
    crew->stopping = 1;
    pthread_cond_broadcast(&crew->wake);
    while (crew->threads && pthread_cond_timedwait(&crew->left, &crew->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&crew->lock);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(crew->threads == 0);
}

static void
crew_dealloc(crew_object_t *self)
{
    crew_t *crew = self->crew;
    /* A crew with threads, or the parent's in a forked child, is left behind. */
    if (crew != NULL && self->owner == getpid()) {
        pthread_mutex_lock(&crew->lock);
        crew->stopping = 1;
        pthread_cond_broadcast(&crew->wake);
        int busy = crew->threads || crew->ended.first != NULL;
        pthread_mutex_unlock(&crew->lock);
        if (!busy) {
            pthread_cond_destroy(&crew->wake);
            pthread_cond_destroy(&crew->left);
            pthread_mutex_destroy(&crew->lock);
            free(crew);
        }
    }
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef crew_methods[] = {
    {"submit", (PyCFunction)(void (*)(void))crew_submit, METH_FASTCALL, "submit(program, token)"},
    {"collect", (PyCFunction)crew_collect, METH_NOARGS, "collect() -> finished jobs"},
    {"close", (PyCFunction)crew_close, METH_VARARGS, "close(seconds) -> whether all threads ended"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject crew_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "_chain.Crew",
    .tp_basicsize = sizeof(crew_object_t),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = crew_new,
    .tp_dealloc = (destructor)crew_dealloc,
    .tp_methods = crew_methods,
};

static PyMethodDef methods[] = {
    {"run", run, METH_VARARGS, "run(program, fd) -> (steps done, errno, directories made, read)"},
    {"peek", peek, METH_VARARGS, "peek(directory, data, meta, size) -> statuses and data, or None"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_chain", NULL, -1, methods};

PyMODINIT_FUNC
PyInit__chain(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && (PyModule_AddType(made, &crew_type) < 0
                         || PyModule_AddIntConstant(made, "VERSION", VERSION) < 0))
        Py_CLEAR(made);
    return made;
}
