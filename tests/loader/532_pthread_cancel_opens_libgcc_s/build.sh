# glibc's pthread_cancel() opens libgcc_s.so.1.
program -x c - <<end
#include <pthread.h>
#include <unistd.h>
static void *waits(void *x) { pause(); return x; }
__attribute__((constructor)) static void threaded(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, waits, 0);
    pthread_cancel(thread);
    pthread_join(thread, 0);
}
end
told runs
