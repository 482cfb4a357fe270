# glibc's pthread_exit() opens libgcc_s.so.1, whatever object calls it.
lib l/liba.so -fPIC -x c - -x none <<end
#include <pthread.h>
static void *ended(void *x) { pthread_exit(x); }
__attribute__((constructor)) static void threaded(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, ended, 0);
    pthread_join(thread, 0);
}
end
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
