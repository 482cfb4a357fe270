# A name that was asked for once is not looked for again, though another file would answer by now.
lib one/libx.so -Wl,-soname,libx.so
lib two/libx.so
lib one/liba.so two/libx.so "-Wl,-rpath,$PWD/two"
program one/libx.so one/liba.so "-Wl,-rpath,$PWD/one"
