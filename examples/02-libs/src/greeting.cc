#include "greeting.h"

#include "punctuation.h"

std::string greeting(const std::string &name)
{
    return "Hello " + name + punctuation();
}
