# musl: what two libraries need stands once, breadth first.
musl "$PWD/m"
lib libd.so
lib libc1.so libd.so
lib libb.so libc1.so libd.so
lib liba.so libc1.so libb.so
program liba.so libb.so "-Wl,-rpath,$PWD"
