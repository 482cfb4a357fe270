#include <stdio.h>

int top(void);

int main(void) {
  printf("shared %d\n", top());
  return 0;
}
