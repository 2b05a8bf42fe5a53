/** Words that those who guess passwords try first, in the languages spoken around here; none counts for a password. */
export const COMMON_WORDS: readonly string[] = (
  'abacaxi admin administrador administrator amizade amor andrea angel apple asdf asdfgh asdfghjkl autumn azerty ' +
  'baseball basketball batman boavida bonjour brasil brazil broker bruno buster cachorro camila carlos caveira ' +
  'changeme changeit charlie cheese chelsea chocolate computer cookie corinthians daniel default demo deus diamond ' +
  'donald dragon eduardo empresa estrela familia felicidade felipe fernando fila flamengo flower football freedom ' +
  'gabriel galinha gatinha george ginger girassol google gremio guest guilherme guitar gustavo hammer harley hello ' +
  'hockey hunter iloveyou inter internet jasmine jennifer jessica jesus jordan jordao juliana killer koala ' +
  'letmein liverpool login london lovely lucas mamae maggie manager marcelo marcos maria martin master matrix ' +
  'matheus mercedes michael michelle minhasenha money monkey mudar mudarsenha mustang mypassword ninja nothing ' +
  'ollama olamundo operator operador orange palmeiras papai pass passe passphrase passw password pedro pepper ' +
  'phoenix please pokemon porsche princesa princess prompt purple qazwsx queue querty qwer qwerty qwertyuiop rafael ' +
  'ranger rodrigo root samsung santos secret secreto segredo senha senhas senhasegura server shadow silver snoopy ' +
  'soccer starwars sucesso summer sunshine super superman superadmin supersecret system teste testing test thomas ' +
  'thunder tigger trocar trustno usuario user vasco verao viewer vitoria welcome whatever william winter wordpass ' +
  'yankees zxcvbn zxcvbnm'
).split(' ');
