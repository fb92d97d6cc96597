#include "app/token_file.hpp"

#include <algorithm>
#include <fstream>

namespace marquee {

Result<std::string> read_token(const std::string& path) {
  const auto wrong = [&](const std::string& what) {
    return Status(Code::kConfig, "the token file \"" + path + "\" (http.token_file) " + what);
  };
  std::ifstream file(path, std::ios::binary);
  std::string token;
  if (!std::getline(file, token) || token.empty()) return wrong("has no token in its first line, or cannot be read");
  if (token.back() == '\r') token.pop_back();
  if (token.empty() || !std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return wrong("has more in its first line than printable ASCII without spaces");
  }
  return token;
}

}  // namespace marquee
