int dep(void) { return 5; }
