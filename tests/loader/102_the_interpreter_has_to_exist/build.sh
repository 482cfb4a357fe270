# A program whose PT_INTERP names no file is not started.
program -Wl,-dynamic-linker,/no/such/ld.so
