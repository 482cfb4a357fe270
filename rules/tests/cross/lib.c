int lib(void) { return 6; }
