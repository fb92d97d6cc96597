// The token that the HTTP server asks for, and that its clients bear.
#pragma once

#include <string>

#include "core/status.hpp"

namespace marquee {

// The token in a file, without the line feed at its end: printable ASCII without spaces, as a header takes it. kConfig.
Result<std::string> read_token(const std::string& path);

}  // namespace marquee
