/*
 * Preloaded. While the file that FAIL_SYNC names exists, fsync, fdatasync and msync fail with EIO, and so do writes to files
 * that are open with O_DSYNC, after their octets have come to the file: to be there is not to be durable. With KILL_AT=n
 * the process kills itself at the n-th call that changes the disk: before it when n is even, after it when n is odd.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int failing(void) {
  const char *file = getenv("FAIL_SYNC");
  if (file == NULL || access(file, F_OK) != 0) return 0;
  errno = EIO;
  return 1;
}

/* Whether a write to this file syncs too, and fails now. */
static int failing_write(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags != -1 && (flags & O_DSYNC) != 0 && failing();
}

/* Whether this is the call to die at; dies here when it is to be before the call. */
static int counted(void) {
  static int calls;
  const char *at = getenv("KILL_AT");
  if (at == NULL) return 0;
  int wanted = atoi(at);
  if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) != wanted) return 0;
  if (wanted % 2 == 0) kill(getpid(), SIGKILL);
  return 1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define AROUND(type, call) \
  int last = counted(); \
  type result = (call); \
  if (last) kill(getpid(), SIGKILL); \
  return result

#define AROUND_WRITE(call) \
  int last = counted(); \
  ssize_t written = (call); \
  if (last) kill(getpid(), SIGKILL); \
  return failing_write(fd) ? -1 : written

int fsync(int fd) {
  REAL(int, "fsync", int);
  if (failing()) return -1;
  AROUND(int, real(fd));
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  if (failing()) return -1;
  AROUND(int, real(fd));
}

int msync(void *address, size_t length, int flags) {
  REAL(int, "msync", void *, size_t, int);
  if (failing()) return -1;
  AROUND(int, real(address, length, flags));
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  AROUND_WRITE(real(fd, from, size, at));
}

ssize_t pwrite64(int fd, const void *from, size_t size, off_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
  AROUND_WRITE(real(fd, from, size, at));
}

ssize_t pwritev(int fd, const struct iovec *from, int count, off_t at) {
  REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
  AROUND_WRITE(real(fd, from, count, at));
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  AROUND(int, real(from, to));
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  AROUND(int, real(path));
}
