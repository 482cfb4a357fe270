# glibc's backtrace() opens libgcc_s.so.1.
program -x c - <<end
#include <execinfo.h>
__attribute__((constructor)) static void traced(void) { void *at[1]; backtrace(at, 1); }
end
told runs
