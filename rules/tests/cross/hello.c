#include <stdio.h>

int lib(void);

int main(void) {
  printf("cross %d\n", lib());
  return 0;
}
