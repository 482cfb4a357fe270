# musl: pthread_exit() and pthread_cancel() need no other library.
musl "$PWD/m"
program -x c - <<end
#include <pthread.h>
static void *ended(void *x) { pthread_exit(x); }
__attribute__((constructor)) static void threaded(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, ended, 0);
    pthread_cancel(thread);
    pthread_join(thread, 0);
}
end
