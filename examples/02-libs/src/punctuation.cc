#include "punctuation.h"

std::string punctuation()
{
    return "!";
}
