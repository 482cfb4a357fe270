# What two libraries need stands once, behind both of them.
lib libd.so
lib libc1.so libd.so -Wl,-rpath,.
lib libb.so libc1.so libd.so -Wl,-rpath,.
lib liba.so libc1.so libb.so -Wl,-rpath,.
program liba.so libb.so "-Wl,-rpath,$PWD"
