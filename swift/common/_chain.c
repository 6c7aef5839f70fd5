/* Run a list of file operations with one release of the interpreter lock, or in threads of their
 * own that never ask for it.
 *
 * chain.py describes the operations, checks them by a twin written in Python, and is the only
 * importer. run(program, fd) -> (steps done, errno, directories made). The program is a tuple of
 * tuples (op, slot, path or name, data, number); texts and bytes are borrowed from it, the caller
 * keeps it alive. Descriptors that a program opened are closed when it ends; slot 0 may hold one
 * of the caller's, which stays open.
 *
 * Crew(threads, wake_fd) has up to so many threads, started on demand; submit(program, token) hands
 * a program over, collect() returns [(token, (steps done, errno, directories made))] of those
 * that have ended, and whenever there begin to be some, the eventfd wake_fd becomes readable. One thread
 * owns it and calls its methods. Only there, with the interpreter lock held, are Python's objects
 * touched; a job keeps those that it reads.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
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
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OPEN, CLOSE, MKDIR, MKDIR_NEW, WRITE, APPEND, SETXATTR, FSYNC, FDATASYNC, FLOCK, IN_PLACE,
       EXISTS, LINK, ROOM, MOUNTED, SAME, EMPTY, UNLINK, OPS };
/* What chain.py expects, too: to be raised with every change that the other side can tell. */
enum { VERSION = 1 };
enum { SLOTS = 4, STEPS_MAX = 64, STACK_SIZE = 1 << 18 };

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
    case SAME: return check_same(step->text, step->data, step->size);
    case EMPTY: return check_empty(step->text);
    case UNLINK: return unlink(step->text) == 0 || errno == ENOENT ? 0 : -1;
    case MOUNTED: return check_mounted(step->text, step->data);
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
execute_all(const step_t *steps, Py_ssize_t count, int given, int *error, long *made)
{
    int fds[SLOTS] = {given, -1, -1, -1};
    Py_ssize_t done = 0;
    for (; done < count; done++) {
        int result;
        do {
            result = execute(&steps[done], fds, made);
        } while (result < 0 && errno == EINTR && steps[done].op != CLOSE);
        if (result < 0) {
            *error = errno;
            break;
        }
    }
    for (int slot = 0; slot < SLOTS; slot++)
        if (fds[slot] >= 0 && fds[slot] != given)
            close(fds[slot]);
    return done;
}

static PyObject *
run(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *program;
    int given, error = 0;
    step_t steps[STEPS_MAX];
    long made = 0;
    Py_ssize_t count, done;
    if (!PyArg_ParseTuple(args, "O!i", &PyTuple_Type, &program, &given))
        return NULL;
    if ((count = parse_program(program, steps)) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    done = execute_all(steps, count, given, &error, &made);
    Py_END_ALLOW_THREADS
    return Py_BuildValue("nil", done, error, made);
}

/* -- threads without an interpreter ----------------------------------------------------------- */

typedef struct job {
    struct job *next;
    PyObject *program, *token;
    Py_ssize_t count, done;
    int error;
    long made;
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
        job->done = execute_all(job->steps, job->count, -1, &job->error, &job->made);
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
    job->done = job->error = job->made = 0;
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
        if (crew->idle)
            pthread_cond_signal(&crew->wake);
    }
    pthread_mutex_unlock(&crew->lock);
    if (!error)
        Py_RETURN_NONE;
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
        PyObject *item = Py_BuildValue("N(nil)", job->token, job->done, job->error, job->made);
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
    {"run", run, METH_VARARGS, "run(program, fd) -> (steps done, errno, directories made)"},
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
