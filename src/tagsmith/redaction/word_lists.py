"""Words that surrogates are made of. The names serve as given names and as family names."""

from __future__ import annotations


def _words(words: str) -> tuple[str, ...]:
    return tuple(words.split())


NAMES = _words(
    """
    Abbott Addison Adrian Ainsley Alden Alexis Allison Archer Ashley Aubrey Austin Avery Bailey Baldwin Barrett Beck
    Bennett Blair Blake Bradley Brady Brennan Brett Brooks Bryant Caldwell Cameron Campbell Carey Carson Carter
    Casey Chandler Chase Clark Clayton Colby Cole Collins Connor Cooper Corey Craig Curtis Dakota Dallas Dalton Dana
    Darcy Davis Dawson Dean Delaney Devon Dexter Drew Duncan Dustin Easton Eden Elliot Ellis Emerson Emery Evan
    Everett Finley Fletcher Flynn Forrest Foster Frances Franklin Garrett Gary Gideon Glenn Graham Grant Gray Greer
    Griffin Hadley Harley Harper Harrison Hartley Harvey Hayden Hayes Henley Holland Hollis Howard Hudson Hunter
    Ingram Jamie Jared Jensen Jesse Jody Jordan Justice Keaton Keegan Keith Kelly Kelsey Kendall Kennedy Kerry
    Kimball Kirby Kyle Lane Leighton Leland Lennox Leslie Lindsay Logan Lowell Mackenzie Madison Marlow Marshall
    Mason Merritt Miller Mitchell Monroe Morgan Morris Murphy Myers Nash Nelson Neville Nolan Norris Oakley Owen
    Paige Parker Paxton Payton Perry Porter Presley Preston Quinn Ramsey Reagan Reed Reese Regan Remy Riley Robin
    Rory Ross Rowan Russell Ryan Sawyer Schuyler Scott Shannon Shea Shelby Sheridan Sidney Skyler Sloane Spencer
    Stacy Sterling Stewart Sutton Tanner Tatum Taylor Terry Thomas Tracy Trevor Tyler Vance Vaughn Walker Wallace
    Ward Warren Wesley Whitney Winslow Wyatt York
    """
)
PLACES = _words(
    """
    Alderton Ashbury Barrowfield Bayside Beechwood Birchdale Brackenridge Brookhaven Cedarville Claremont Clearwater
    Crestwood Danbury Eastbrook Eastleigh Edgewater Elmhurst Fairhaven Fairview Fernhill Glendale Glenwood Granville
    Greenfield Hartford Hazelton Highfield Hillcrest Kingsbridge Kirkwood Lakeside Lakewood Langford Linden
    Longmeadow Maplewood Marlborough Meadowbrook Midvale Milford Millbrook Newbury Newhaven Northgate Norwood
    Oakdale Oakridge Overton Parkfield Pinehurst Redford Redwood Ridgeway Riverdale Riverton Rockport Rosedale
    Sandford Seaview Shelburne Silverton Southport Springdale Stanford Stonebridge Summerfield Sunnyside Thornbury
    Valleyview Wakefield Waterford Waverly Westbrook Westfield Weston Whitfield Wildwood Willowbrook Winfield
    Woodbury Woodside Woodstock Wynford
    """
)
FIRMS = _words(
    """
    Acorn Alpenglow Amberline Arrowhead Atlas Beacon Bluebird Brightwater Cascade Cobalt Compass Copperfield
    Cornerstone Crescent Crosswind Driftwood Eastward Evergreen Falcon Firstlight Foxglove Gateway Goldleaf Granite
    Greenline Harbor Hawthorn Helix Highland Horizon Ironwood Juniper Keystone Kingfisher Landmark Lantern Larkspur
    Lighthouse Lodestar Magnolia Meridian Milestone Moonstone Northwind Oakleaf Oxbow Palisade Pathway Pinnacle
    Prairie Quarry Redstone Ridgeline Sandstone Seabright Sequoia Silverline Skylark Solstice Stonewall Summit
    Sundial Tamarack Terrace Tidewater Timberline Trillium Turnstone Vanguard Vista Waypoint Westwind Whitecap
    Wildflower Windmill Zenith
    """
)
TRADES = ("Group", "Industries", "Partners", "Services", "Solutions", "Systems", "Trading", "Works")

# Words that say nothing about whom or what they belong to, and stay.
TITLES = frozenset(
    _words(
        """
    dr frau herr jr miss mr mrs ms mx prof professor sir sr
    """
    )
)
STREETS = frozenset(
    _words(
        """
    apartment apt ave avenue blvd boulevard box building court drive flat floor house lane po road room square st
    str strasse straße street suite unit way
    """
    )
)
DATES = frozenset(
    _words(
        """
    a about after afternoon ago am and around at before between century day days decade decades early end evening
    every few from half hour hours in last late later mid midnight minute minutes month months morning mornings next
    night noon of on past pm quarter since the then this to today tomorrow tonight until week weekend weeks year
    years yesterday
    """
    )
)
