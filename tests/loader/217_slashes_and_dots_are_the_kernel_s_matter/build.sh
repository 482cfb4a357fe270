# Slashes at an item's end do not count; `//`, `.` and `..` inside are left as they are.
lib l/liba.so
lib l/libb.so
program l/liba.so l/libb.so "-Wl,-rpath,$PWD//./l/../l///"
