// Who watches: where from, on what, how old. All of it follows from a viewer's number.
#pragma once

#include <cstdint>
#include <string_view>

namespace marquee::gen {

/// A viewer's constant sides. Views of static text.
struct Viewer {
  std::string_view country;   ///< ISO 3166-1 alpha-2, weighted: US 24 %, IN 12 %, BR 8 % …
  std::string_view age_band;  ///< 13-17, 18-24, 25-34, 35-44, 45-54, 55-64, 65+
  std::string_view device;    ///< the one used most: tv, mobile, web, tablet, console
};

/// The viewer's sides from one random word that belongs to the viewer. A few nanoseconds.
Viewer viewer_from(uint64_t word);

/// A device from one random word: for the sessions not on the usual one.
std::string_view device_from(uint64_t word);

}  // namespace marquee::gen
