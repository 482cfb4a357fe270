# musl: whoever asks first has loaded a library, and its paths count for what that needs.
musl "$PWD/m"
lib one/libd.so
lib two/libd.so
lib x/libx.so one/libd.so
lib l/liba.so x/libx.so "-Wl,-rpath,$PWD/x:$PWD/one"
lib l/libb.so x/libx.so "-Wl,-rpath,$PWD/x:$PWD/two"
program l/libb.so l/liba.so "-Wl,-rpath,$PWD/l"
