// Names that look like names: templates over word lists, each combination used once before sequels begin.
#include <array>

#include "gen/catalogue.hpp"
#include "gen/digits.hpp"

namespace marquee::gen {
namespace {

constexpr size_t kWords = 48;
using Words = std::array<std::string_view, kWords>;

constexpr Words kAdjectives{
    "Silent", "Crimson", "Golden",   "Broken",   "Hidden",   "Last",    "Electric", "Frozen",  "Distant", "Burning",
    "Velvet", "Hollow",  "Restless", "Paper",    "Midnight", "Savage",  "Quiet",    "Neon",    "Wild",    "Forgotten",
    "Iron",   "Scarlet", "Endless",  "Lucky",    "Stolen",   "Silver",  "Bitter",   "Lonely",  "Sacred",  "Crooked",
    "Gentle", "Stormy",  "Second",   "Amber",    "Fearless", "Secret",  "Emerald",  "Tender",  "Rising",  "Faded",
    "Bright", "Sunken",  "Reckless", "Northern", "Perfect",  "Painted", "Hungry",   "Infinite"};
constexpr Words kNouns{"River",     "Kingdom", "Garden",  "Empire",   "Harvest",  "Lighthouse", "Shadow",  "Orchard",
                       "Horizon",   "Mirror",  "Bridge",  "Canyon",   "Letter",   "Station",    "Voyage",  "Winter",
                       "Island",    "Signal",  "Promise", "Tide",     "Cascade",  "Archive",    "Ransom",  "Meadow",
                       "Circus",    "Verdict", "Machine", "Serenade", "Frontier", "Café",       "Oath",    "Eclipse",
                       "Library",   "Runway",  "Fortune", "Covenant", "Balcony",  "Storm",      "Recipe",  "Detour",
                       "Cathedral", "Gambit",  "Lantern", "Motel",    "Refuge",   "Season",     "Theorem", "Avalanche"};
constexpr Words kPlaces{"Lisbon",   "Oslo",     "Kyoto",   "Havana",  "Nairobi",   "Austin",    "Mumbai",   "Zürich",
                        "Dublin",   "Seoul",    "Lagos",   "Prague",  "São Paulo", "Cairo",     "Toronto",  "Naples",
                        "Helsinki", "Santiago", "Chicago", "Vienna",  "Accra",     "Madrid",    "Brooklyn", "Jakarta",
                        "Warsaw",   "Bogotá",   "Sydney",  "Glasgow", "Marseille", "Manila",    "Denver",   "Athens",
                        "Tbilisi",  "Montréal", "Hamburg", "Lima",    "Auckland",  "Reykjavík", "Memphis",  "Porto",
                        "Tallinn",  "Hanoi",    "Córdoba", "Bergen",  "Dakar",     "Seattle",   "Ghent",    "Valencia"};
constexpr Words kNames{"Ada",   "Milo",   "Juniper", "Otis",  "Priya", "Hugo",    "Freya",  "Mateo",  "Zadie", "Theo",
                       "Nadia", "Casper", "Imani",   "Felix", "Rosa",  "Arlo",    "Yuki",   "Bruno",  "Sana",  "Ezra",
                       "Lucía", "Kofi",   "Ingrid",  "Rafa",  "Maeve", "Desmond", "Noor",   "Viktor", "Pippa", "Amara",
                       "Jonas", "Coco",   "Malik",   "Greta", "Santi", "Wren",    "Dmitri", "Lola",   "Kenji", "Astrid",
                       "Tariq", "Bea",    "Nico",    "Zora",  "Emil",  "Farah",   "Gus",    "Odette"};
constexpr Words kClubs{"Rovers",   "Wanderers", "Falcons", "Mariners", "Athletic",  "Comets",   "Foxes",    "Dynamo",
                       "Harriers", "Pilots",    "Lions",   "Sparta",   "Tigers",    "Raiders",  "Orient",   "Bulls",
                       "Thunder",  "Gulls",     "Rangers", "Badgers",  "Titans",    "Herons",   "Pirates",  "Union",
                       "Vikings",  "Corsairs",  "Hornets", "Royals",   "Stallions", "Owls",     "Blazers",  "Wolves",
                       "Knights",  "Otters",    "Sabres",  "Giants",   "Ravens",    "Cyclones", "Panthers", "Monarchs",
                       "Swifts",   "Lynx",      "Bisons",  "Meteors",  "Pumas",     "Kestrels", "Express",  "Victory"};

// '%' and a letter stand for a word: A adjective, N noun, P place, M name, K club. The first of a template is drawn by
// one number, the second by another, so that a template names kWords * kWords titles.
constexpr size_t kTemplates = 4;
constexpr std::array<std::array<std::string_view, kTemplates>, kCategoryCount> kForms{{
    {"The %A %N", "%A %N", "%N in %P", "The %N of %M"},
    {"%P %N", "%M and the %N", "The %A %Ns", "%A %P"},
    {"%P %K: The Final", "%M Live in %P", "The %A %N Awards", "%P %N Festival"},
    {"%M and the %A Dragon", "%M's %N Club", "Tiny %N, Big %M", "Captain %M of %P"},
    {"%K at %P", "%P Grand Prix: %N Cup", "%A %K", "Inside %P %K"},
    {"%P Tonight with %M", "The %N Report: %P", "%M at Nine: %P", "%A %P News"},
    {"%M: The %N Tour", "%A %N Sessions", "Unplugged in %P: %M", "%N Radio %P"},
    {"Inside the %A %N", "%P: A %N Story", "Searching for %M in %P", "The %A Planet: %N"},
}};

std::string_view word(char list, size_t index) {
  switch (list) {
    case 'A':
      return kAdjectives[index];
    case 'N':
      return kNouns[index];
    case 'P':
      return kPlaces[index];
    case 'M':
      return kNames[index];
    default:
      return kClubs[index];
  }
}

}  // namespace

char* write_title_name(char* out, size_t category, uint64_t ordinal) {
  constexpr uint64_t kNamesPerCategory = kTemplates * kWords * kWords;
  // An odd number that 3 does not divide: every name comes once in kNamesPerCategory ordinals, in no visible order.
  const uint64_t place = ordinal % kNamesPerCategory * 2'654'435'761ULL % kNamesPerCategory;
  std::array<size_t, 2> index{place / kTemplates % kWords, place / (kTemplates * kWords)};
  size_t used = 0;
  const std::string_view form = kForms[category][place % kTemplates];
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '%') {
      out = write_text(out, word(form[++i], index[used++]));
    } else {
      *out++ = form[i];
    }
  }
  if (const uint64_t sequel = ordinal / kNamesPerCategory; sequel > 0) {
    *out++ = ' ';
    out = write_number(out, sequel + 1);
  }
  return out;
}

}  // namespace marquee::gen
