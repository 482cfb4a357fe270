const char *name();
