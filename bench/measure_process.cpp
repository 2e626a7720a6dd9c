// measure_process COMMAND [ARGUMENT...]: runs a command with its stdout discarded and prints one line of JSON:
// wall-clock seconds from fork to exit, the most memory that was resident, and the exit status. A small process of its
// own, because the peak of a child starts at what its parent had.
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: measure_process COMMAND [ARGUMENT...]\n");
    return 2;
  }
  auto begin = std::chrono::steady_clock::now();
  pid_t child = fork();
  if (child == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    execvp(argv[1], argv + 1);
    std::perror(argv[1]);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
    std::perror("measure_process");
    return 1;
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("{\"seconds\": %.6f, \"peak_bytes\": %ld, \"status\": %d}\n", took.count(), usage.ru_maxrss * 1024L,
              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
