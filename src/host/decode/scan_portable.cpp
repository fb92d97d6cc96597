#include "decode/scan.hpp"

namespace marquee::decoding {

bool can_scan() {
  return false;
}
Letters inspect(std::string_view /*record*/) {
  return Letters::kUnfit;
}
bool scan(Layout& /*layout*/, std::string_view /*record*/, RawValue* /*fields*/) {
  return false;
}

}  // namespace marquee::decoding
