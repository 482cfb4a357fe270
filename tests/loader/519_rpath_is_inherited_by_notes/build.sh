# DT_RPATH of what loaded the object counts for its notes, as for its needed names.
lib own/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib own/liba.so open.o note.o
program own/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/own"
told runs
