#include <stdio.h>

int pre(void);

int main(void) {
  printf("pre %d\n", pre());
  return 0;
}
