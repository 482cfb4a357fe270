int dep(void);

int top(void) { return dep(); }
