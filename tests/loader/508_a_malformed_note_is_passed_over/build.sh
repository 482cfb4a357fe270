# A note that is no JSON, or of another shape, is warned of and passed over; the others count.
lib own/libx.so
opener open.o libx.so
note text.o 'no JSON'
note list.o '["libx.so", 7, {"soname": 7}]'
note note.o '[{"soname":["libx.so"]}]'
lib l/liba.so open.o text.o list.o note.o "-Wl,-rpath,$PWD/own"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
