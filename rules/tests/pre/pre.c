int pre(void) { return 7; }
