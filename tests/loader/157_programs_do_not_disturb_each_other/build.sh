# What one program finds for a name does not count for another that searches elsewhere.
lib one/libm.so.6
lib two/libm.so.6
lib l/liba.so one/libm.so.6
number=0
next() {
    program "$@"
    number=$((number + 1))
    mv program "program$number"
}
next -lm
next -lm "-Wl,-rpath,$PWD/one"
next -lm "-Wl,-rpath,$PWD/two"
next -lm "-Wl,--disable-new-dtags,-rpath,$PWD/one"
next -lm "-Wl,--disable-new-dtags,-rpath,$PWD/two"
next -lm -nostdlib -Wl,-z,nodefaultlib,-e,0
next l/liba.so "-Wl,-rpath,$PWD/l:$PWD/one"
next l/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/l:$PWD/one"
next l/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/l:$PWD/two"
next -lm
