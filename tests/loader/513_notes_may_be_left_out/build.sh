# No note counts where none is asked for, required or not.
lib l/libx.so
note note.o '[{"priority":"required","soname":["libx.so"]}]'
lib l/liba.so note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
option --dlopen none
told runs
