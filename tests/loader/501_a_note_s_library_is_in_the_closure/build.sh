# A dlopen note (section .note.dlopen) names what the object opens later.
lib own/libx.so
opener open.o libx.so
note note.o '[{"feature":"x","description":"all of x","soname":["libx.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/own"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
