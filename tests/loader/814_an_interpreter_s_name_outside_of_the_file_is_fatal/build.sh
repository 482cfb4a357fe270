# A program whose PT_INTERP lies behind its end is not started.
program
patch program "$(($(at program '\x03\0\0\0\x04\0\0\0.{48}') + 8))" '\000\000\000\000\000\000\000\077'
