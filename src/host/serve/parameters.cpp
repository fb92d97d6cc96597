#include "serve/parameters.hpp"

#include <algorithm>
#include <charconv>

namespace marquee {

Parameters::Parameters(const RequestTarget& target, std::initializer_list<std::string_view> known) : target_(target) {
  for (auto at = target.parameters.begin(); at != target.parameters.end(); ++at) {
    const std::string& name = at->first;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string there;
      for (const std::string_view k : known) (there += there.empty() ? "" : ", ") += k;
      refuse("unknown parameter '" + quotable(name) + "'; there " +
             (there.empty()       ? "are none here"
              : known.size() == 1 ? "is " + there
                                  : "are " + there));
    } else if (std::any_of(target.parameters.begin(), at, [&](const auto& other) { return other.first == name; })) {
      refuse("parameter '" + name + "' is given twice; give it once");
    }
  }
}

std::optional<std::string_view> Parameters::given(std::string_view name) const {
  const auto found = std::find_if(target_.parameters.begin(), target_.parameters.end(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  if (found == target_.parameters.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> Parameters::text(std::string_view name) const {
  const std::optional<std::string_view> value = given(name);
  return value && !value->empty() ? value : std::nullopt;
}

std::uint64_t Parameters::number(std::string_view name, std::uint64_t least, std::uint64_t most,
                                 std::uint64_t otherwise) {
  const std::optional<std::string_view> digits = given(name);
  if (!digits) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (error != std::errc{} || end != digits->data() + digits->size() || value < least || value > most) {
    refuse(std::string(name) + " is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return otherwise;
  }
  return value;
}

}  // namespace marquee
