/** Build the view in `place`. */
export async function start(place) {
  place.textContent = "train";
}
