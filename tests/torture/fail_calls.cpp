// Preloaded into a program (LD_PRELOAD), lets one of its calls to the system fail: the FAIL_AT-th of the kind
// FAIL_KIND, counted from main(). Kinds: alloc, thread, read, write, sync, name. FAIL_AT=0: none; the counts are
// written to FAIL_COUNTS at the end.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <initializer_list>

namespace {

enum Kind { k_alloc, k_thread, k_read, k_write, k_sync, k_name, k_kinds };
const char* const k_names[k_kinds] = {"alloc", "thread", "read", "write", "sync", "name"};

std::atomic<long> counts[k_kinds];
std::atomic<bool> in_main{false};
int chosen = -1;
long at = 0;
int (*real_main)(int, char**, char**) = nullptr;

// Functions of the libraries below, found without an allocation of our own being counted.
template <class F>
F below(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

bool fails(Kind kind, int reason) {
  if (!in_main) return false;
  if (++counts[kind] != at || kind != chosen) return false;
  errno = reason;
  return true;
}

int counted_main(int argc, char** argv, char** environment) {
  if (const char* kind = getenv("FAIL_KIND"))
    for (int k = 0; k < k_kinds; ++k)
      if (strcmp(kind, k_names[k]) == 0) chosen = k;
  if (const char* number = getenv("FAIL_AT")) at = atol(number);
  in_main = true;
  const int code = real_main(argc, argv, environment);
  in_main = false;
  return code;
}

__attribute__((destructor)) void tell() {
  in_main = false;
  const char* path = getenv("FAIL_COUNTS");
  if (path == nullptr) return;
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  for (int k = 0; k < k_kinds && fd >= 0; ++k) dprintf(fd, "%s %ld\n", k_names[k], counts[k].load());
  if (fd >= 0) close(fd);
}

}  // namespace

extern "C" {

// glibc's own allocator by its other names: dlsym itself may allocate.
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t n) { return fails(k_alloc, ENOMEM) ? nullptr : __libc_malloc(n); }
void* calloc(size_t n, size_t m) { return fails(k_alloc, ENOMEM) ? nullptr : __libc_calloc(n, m); }
void* realloc(void* p, size_t n) { return fails(k_alloc, ENOMEM) ? nullptr : __libc_realloc(p, n); }
void* aligned_alloc(size_t a, size_t n) { return fails(k_alloc, ENOMEM) ? nullptr : __libc_memalign(a, n); }
int posix_memalign(void** out, size_t a, size_t n) {
  if (fails(k_alloc, ENOMEM)) return ENOMEM;
  *out = __libc_memalign(a, n);
  return *out == nullptr ? ENOMEM : 0;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  if (fails(k_thread, EAGAIN)) return EAGAIN;
  return below<decltype(&pthread_create)>("pthread_create")(thread, attributes, run, argument);
}

ssize_t read(int fd, void* to, size_t n) { return fails(k_read, EIO) ? -1 : below<decltype(&read)>("read")(fd, to, n); }
ssize_t pread(int fd, void* to, size_t n, off_t from) {
  return fails(k_read, EIO) ? -1 : below<decltype(&pread)>("pread")(fd, to, n, from);
}
size_t fread(void* to, size_t size, size_t n, FILE* file) {
  return fails(k_read, EIO) ? 0 : below<decltype(&fread)>("fread")(to, size, n, file);
}

ssize_t write(int fd, const void* from, size_t n) {
  if (fd <= 2) return below<decltype(&write)>("write")(fd, from, n);  // what is said may be lost
  return fails(k_write, ENOSPC) ? -1 : below<decltype(&write)>("write")(fd, from, n);
}
ssize_t pwrite(int fd, const void* from, size_t n, off_t to) {
  return fails(k_write, ENOSPC) ? -1 : below<decltype(&pwrite)>("pwrite")(fd, from, n, to);
}
ssize_t writev(int fd, const struct iovec* parts, int n) {  // of std::ofstream
  return fails(k_write, ENOSPC) ? -1 : below<ssize_t (*)(int, const struct iovec*, int)>("writev")(fd, parts, n);
}
size_t fwrite(const void* from, size_t size, size_t n, FILE* file) {
  if (file == stdout || file == stderr) return below<decltype(&fwrite)>("fwrite")(from, size, n, file);
  return fails(k_write, ENOSPC) ? 0 : below<decltype(&fwrite)>("fwrite")(from, size, n, file);
}

int fsync(int fd) { return fails(k_sync, EIO) ? -1 : below<decltype(&fsync)>("fsync")(fd); }
int fflush(FILE* file) {
  if (file == stdout || file == stderr || file == nullptr) return below<decltype(&fflush)>("fflush")(file);
  return fails(k_sync, EIO) ? EOF : below<decltype(&fflush)>("fflush")(file);
}
int rename(const char* from, const char* to) {
  return fails(k_name, EIO) ? -1 : below<decltype(&rename)>("rename")(from, to);
}

int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*loader_fini)(), void* stack_end) {
  real_main = main;
  using Start = int (*)(int (*)(int, char**, char**), int, char**, void (*)(), void (*)(), void (*)(), void*);
  return below<Start>("__libc_start_main")(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}

}  // extern "C"
