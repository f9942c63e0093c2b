// Sentences to try, invented for this page.

/** Name, language and text of each. */
export const EXAMPLES = [
  { name: "John in New York", lang: "en", text: "John lives in New York." },
  {
    name: "A paragraph",
    lang: "en",
    text: [
      "The harbor of Port Ellis was quiet on Monday morning when Maria Okafor, the new head of Northwind Ferries, " +
        "signed the contract with the city. Her company will link Port Ellis, Dunmore and Saint Agnes twice a day " +
        "from 1 June 2027.",
      "“We waited nine years for this,” said mayor Peter Hallam. The Institute for Coastal Research in Aberdeen, " +
        "which advised both sides, expects 40,000 passengers in the first year. Unions in Dunmore were less pleased: " +
        "Ruth Adeyemi of Dockers United called the plan a gift to Northwind.",
    ].join("\n\n"),
  },
  {
    name: "Emoji",
    lang: "en",
    text: "🎉🎉 Greta Lindqvist moved from Oslo to Lisbon on 3 May 🇵🇹 and Omar says she loves it 👩🏽‍🍳!",
  },
  {
    name: "العربية",
    lang: "ar",
    text: "سافرت ليلى حداد من بيروت إلى القاهرة يوم الثلاثاء.\nهناك زارت مكتب Northwind مع John.",
  },
  { name: "中文", lang: "zh", text: "王小明上周从上海飞往巴黎，参加了联合国教科文组织的会议。" },
  { name: "日本語", lang: "ja", text: "田中さんは四月に京都からトロントへ引っ越しました。" },
];
