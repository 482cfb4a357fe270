# musl: a name that a search has found once serves everybody who asks for it.
musl "$PWD/m"
lib one/libx.so
lib two/libx.so
lib one/liba.so one/libx.so "-Wl,-rpath,$PWD/one"
lib one/libb.so two/libx.so "-Wl,-rpath,$PWD/two"
program one/liba.so one/libb.so "-Wl,-rpath,$PWD/one"
