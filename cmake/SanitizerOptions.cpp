// Default options of the sanitizers, linked into every executable of a sanitized build.
//
// LLVM's libraries are not instrumented, but its headers poison the gaps of bump allocators and of vectors when they
// are compiled into our code: without these options memory that both sides share is reported wrongly.

extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0:detect_stack_use_after_return=1";
}

extern "C" const char *__ubsan_default_options() { return "print_stacktrace=1:halt_on_error=1"; }
